"""The live socket: a frame comes in, an answer goes out, and every change is told."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from itertools import pairwise
from time import perf_counter

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from classify_anything.classifier import Classifier
from classify_anything.errors import ClassifyAnythingError, InvalidMessageError
from classify_anything.server.messages import (
    AddFrame,
    Answer,
    ErrorReply,
    PredictFrame,
    Timings,
    parse_frame,
)
from classify_anything.server.project import LiveProject, Watcher
from classify_anything.server.translate import to_prediction

router = APIRouter()
log = logging.getLogger(__name__)


@router.websocket("/ws")
async def live(socket: WebSocket) -> None:
    """Answer the frames of one page, one after the other, and tell it of every change."""
    project: LiveProject = socket.app.state.project
    await socket.accept()
    with project.watch() as watcher:
        telling = asyncio.create_task(_tell(socket, watcher))
        try:
            while True:
                reply = await _reply(project, await _receive(socket))
                await socket.send_text(reply.model_dump_json())
        except WebSocketDisconnect:
            pass
        finally:
            telling.cancel()


@dataclass(slots=True)
class FrameJob:
    """One frame on its way through the classifier; called on the classifier's thread."""

    header: PredictFrame | AddFrame
    image: bytes
    received: float

    def __call__(self, classifier: Classifier) -> Answer:
        """Decode, embed, predict, and then, if it is to be added, add."""
        times = [self.received, perf_counter()]
        picture = classifier.read(self.image)
        times.append(perf_counter())
        embedding = classifier.embed(picture)
        times.append(perf_counter())
        classifier.refresh()
        prediction = to_prediction(classifier, classifier.predict_embedding(embedding))
        times.append(perf_counter())
        example_id = change = None
        if isinstance(self.header, AddFrame):
            example_id = classifier.add(
                self.header.class_id,
                picture,
                embedding=embedding,
                recording=self.header.recording,
                key=self.header.key,
                source="camera",
            ).id
            undo = classifier.next_undo()
            change = None if undo is None else undo.id
        times.append(perf_counter())
        return Answer(
            seq=self.header.seq,
            revision=classifier.revision,
            prediction=prediction,
            example_id=example_id,
            change=change,
            timings=_timings(times),
        )


async def _receive(socket: WebSocket) -> bytes | None:
    """The next message; None for text, which the protocol does not have."""
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message["code"], message.get("reason"))
    data: bytes | None = message.get("bytes")
    return data


async def _reply(project: LiveProject, data: bytes | None) -> Answer | ErrorReply:
    received = perf_counter()
    seq = None
    try:
        if data is None:
            raise InvalidMessageError("Frames are binary messages.")
        header, image = parse_frame(data)
        seq = header.seq
        return await project.run(FrameJob(header, image, received))
    except ClassifyAnythingError as error:
        return ErrorReply.of(error.code, str(error), seq)
    except Exception:
        log.exception("A frame could not be answered")
        message = "Something went wrong inside; the terminal says more."
        return ErrorReply.of(ClassifyAnythingError.code, message, seq)


async def _tell(socket: WebSocket, watcher: Watcher) -> None:
    try:
        while True:
            state = await watcher.next()
            await socket.send_text(state.model_dump_json())
    except (WebSocketDisconnect, RuntimeError):  # the page has gone; the receiving side ends it
        return


def _timings(times: list[float]) -> Timings:
    queue, decode, backbone, head, store = (
        round(1000 * (end - start), 3) for start, end in pairwise(times)
    )
    return Timings(queue=queue, decode=decode, backbone=backbone, head=head, store=store)
