"""Process a frame: decode, embed, predict, add."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from time import perf_counter

import numpy as np

from classify_anything.backbones import Backbone
from classify_anything.backbones.providers import CPU
from classify_anything.errors import ImageError
from classify_anything.images import Picture, read_picture
from classify_anything.project.project import Project
from classify_anything.server.messages import AddFrame, Answer, PredictFrame, Timings
from classify_anything.server.translate import to_prediction
from classify_anything.types import Float32Array


@dataclass(frozen=True, slots=True)
class _Embedded:
    """A frame's embedding by a backbone, with times of ``perf_counter``."""

    backbone: Backbone
    picture: Picture
    embedding: Float32Array
    times: tuple[float, float, float]


@dataclass(slots=True, eq=False)
class FrameJob:
    """One frame; created on the event loop, processed on the project's thread."""

    header: PredictFrame | AddFrame
    image: bytes
    received: float
    _embedded: _Embedded | None = field(default=None, init=False)

    def answer(self, project: Project, waiting: Sequence[FrameJob]) -> Answer:
        """Decode, embed and predict, then add the frame if its header says so.

        On a CPU a batch is no faster than single frames. On other devices all ``waiting`` frames
        are embedded together, and each is answered in turn.

        Raises:
            ImageError: the image cannot be read.
        """
        if self._needs_embedding_by(project.backbone):
            others = waiting if project.backbone.provider != CPU else ()
            _embed(project, self, [one for one in others if one is not self])
        embedded = self._embedded
        assert embedded is not None
        times = [self.received, *embedded.times]
        project.refresh()
        prediction = to_prediction(project, *project.predict(embedded.embedding[None]))
        times.append(perf_counter())
        example_id = change = None
        if isinstance(self.header, AddFrame):
            example, change = project.add(
                self.header.class_id,
                embedded.picture,
                embedding=embedded.embedding,
                recording=self.header.recording,
                key=self.header.key,
                source="camera",
            )
            example_id = example.id
        times.append(perf_counter())
        return Answer(
            seq=self.header.seq,
            revision=project.revision,
            prediction=prediction,
            example_id=example_id,
            change=change,
            timings=timings(times),
        )

    def _needs_embedding_by(self, backbone: Backbone) -> bool:
        return self._embedded is None or self._embedded.backbone is not backbone


def _embed(project: Project, first: FrameJob, others: Sequence[FrameJob]) -> None:
    """Embed a frame together with the readable ones among the others."""
    begun = perf_counter()
    decoded = [(first, read_picture(first.image, project.backbone.size), begun, perf_counter())]
    for job in others:
        if job._needs_embedding_by(project.backbone):  # noqa: SLF001 - of the same class
            begun = perf_counter()
            try:
                picture = read_picture(job.image, project.backbone.size)
            except ImageError:
                continue  # raised again when that frame is answered
            decoded.append((job, picture, begun, perf_counter()))
    vectors = project.backbone.embed(np.stack([picture.square for _, picture, *_ in decoded]))
    done = perf_counter()
    for (job, picture, begun, read), vector in zip(decoded, vectors, strict=True):
        times = (begun, read, done)
        job._embedded = _Embedded(project.backbone, picture, vector, times)  # noqa: SLF001


def timings(times: list[float]) -> Timings:
    """Return the durations between six times of ``perf_counter``."""
    queue, decode, backbone, head, store = (
        round(1000 * (end - start), 3) for start, end in pairwise(times)
    )
    return Timings(queue=queue, decode=decode, backbone=backbone, head=head, store=store)
