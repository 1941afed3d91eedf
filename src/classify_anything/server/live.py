"""The live socket: answers frames and reports every change."""

from __future__ import annotations

import asyncio
import logging
from time import perf_counter

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from classify_anything.errors import ClassifyAnythingError, InvalidMessageError
from classify_anything.server.backend import Backend
from classify_anything.server.background import INTERNAL
from classify_anything.server.messages import Answer, ErrorReply, parse_frame
from classify_anything.server.watcher import Watcher

router = APIRouter()
log = logging.getLogger(__name__)


@router.websocket("/ws")
async def live(socket: WebSocket) -> None:
    """Answer the frames of one page in order, and send it every change."""
    project: Backend = socket.app.state.project
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


async def _receive(socket: WebSocket) -> bytes | None:
    """Return the next message; None for text, which the protocol does not allow."""
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message["code"], message.get("reason"))
    data: bytes | None = message.get("bytes")
    return data


async def _reply(project: Backend, data: bytes | None) -> Answer | ErrorReply:
    received = perf_counter()
    seq = None
    try:
        if data is None:
            raise InvalidMessageError("Frames are binary messages.")
        header, image = parse_frame(data)
        seq = header.seq
        return await project.answer(header, image, received)
    except ClassifyAnythingError as error:
        return ErrorReply.of(error.code, str(error), seq)
    except Exception:
        log.exception("A frame could not be answered")
        return ErrorReply.of(ClassifyAnythingError.code, INTERNAL, seq)


async def _tell(socket: WebSocket, watcher: Watcher) -> None:
    try:
        while True:
            state = await watcher.next()
            await socket.send_text(state.model_dump_json())
    except (
        WebSocketDisconnect,
        RuntimeError,
    ):  # the page disconnected; the receiving side handles it
        return
