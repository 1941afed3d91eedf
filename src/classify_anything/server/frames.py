"""A frame's way through the project."""

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
class _Seen:
    """What a backbone made of a frame, and the times of ``perf_counter`` on the way."""

    backbone: Backbone
    picture: Picture
    embedding: Float32Array
    times: tuple[float, float, float]


@dataclass(slots=True, eq=False)
class FrameJob:
    """One frame on its way; all but the making of it happens on the project's thread."""

    header: PredictFrame | AddFrame
    image: bytes
    received: float
    _seen: _Seen | None = field(default=None, init=False)

    def answer(self, project: Project, waiting: Sequence[FrameJob]) -> Answer:
        """Decode, embed, predict, and then, if it is to be added, add.

        On a processor a batch is no faster than one frame after the other. Elsewhere all frames
        that ``waiting`` has are embedded together, and each is answered when its turn comes.

        Raises:
            ImageError: it cannot be read.
        """
        if self._is_unseen_by(project.backbone):
            others = waiting if project.backbone.provider != CPU else ()
            _look(project, self, [one for one in others if one is not self])
        seen = self._seen
        assert seen is not None
        times = [self.received, *seen.times]
        project.refresh()
        prediction = to_prediction(project, *project.predict(seen.embedding[None]))
        times.append(perf_counter())
        example_id = change = None
        if isinstance(self.header, AddFrame):
            example, change = project.add(
                self.header.class_id,
                seen.picture,
                embedding=seen.embedding,
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

    def _is_unseen_by(self, backbone: Backbone) -> bool:
        return self._seen is None or self._seen.backbone is not backbone


def _look(project: Project, first: FrameJob, others: Sequence[FrameJob]) -> None:
    """Embed a frame, and with it those of the others that can be read."""
    begun = perf_counter()
    decoded = [(first, read_picture(first.image, project.backbone.size), begun, perf_counter())]
    for job in others:
        if job._is_unseen_by(project.backbone):  # noqa: SLF001 - of the same class
            begun = perf_counter()
            try:
                picture = read_picture(job.image, project.backbone.size)
            except ImageError:
                continue  # it is raised when the frame's turn comes
            decoded.append((job, picture, begun, perf_counter()))
    vectors = project.backbone.embed(np.stack([picture.square for _, picture, *_ in decoded]))
    done = perf_counter()
    for (job, picture, begun, read), vector in zip(decoded, vectors, strict=True):
        times = (begun, read, done)
        job._seen = _Seen(project.backbone, picture, vector, times)  # noqa: SLF001


def timings(times: list[float]) -> Timings:
    """What passed between six moments of ``perf_counter``."""
    queue, decode, backbone, head, store = (
        round(1000 * (end - start), 3) for start, end in pairwise(times)
    )
    return Timings(queue=queue, decode=decode, backbone=backbone, head=head, store=store)
