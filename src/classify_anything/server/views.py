"""Augment examples in the background, whenever no example is being added."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from classify_anything.backbones import Backbone
from classify_anything.backbones.bulk import ViewBatch, views_by
from classify_anything.errors import BackboneError
from classify_anything.project.project import Project
from classify_anything.server.backend import Backend
from classify_anything.server.messages import VariationsInfo
from classify_anything.workers import worker_count

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.5
_FEW = 20
"""Show no progress for this many examples or fewer: it is too quick."""
_PER_WORKER = 2
"""Examples in a batch: few, so that recording and shutdown wait only briefly."""


class Views:
    """Make missing views whenever the project has not changed for a moment.

    Args:
        project: what is served.
        busy: whether other work needs the cores.
    """

    def __init__(self, project: Backend, busy: Callable[[], bool]) -> None:
        self._project = project
        self._busy = busy
        self._left_out = set[tuple[str, int]]()
        self._batch: asyncio.Task[None] | None = None
        self._done = -1

    async def follow(self) -> None:
        """Make missing views until cancelled; after an error, wait for the next change."""
        if self._project.state.read_only:
            return
        seen = -1
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            before, seen = seen, self._project.state.revision
            if before == seen != self._done and not self._busy():
                done, self._done = self._done, seen
                if not await self._make(seen):
                    self._done = done

    async def close(self) -> None:
        """Wait for the current batch."""
        if self._batch:
            await asyncio.gather(self._batch, return_exceptions=True)

    async def _make(self, revision: int) -> bool:
        """Make the views missing at a revision; return False if interrupted."""
        backbone, missing = await self._project.run(
            lambda project: (project.backbone, project.missing_views())
        )
        ids = [id_ for id_ in missing if (backbone.fingerprint, id_) not in self._left_out]
        size = _PER_WORKER * worker_count()
        try:
            for start in range(0, len(ids), size):
                if self._project.state.revision != revision or self._busy():
                    return False
                if len(ids) > _FEW:
                    self._project.show_variations(VariationsInfo(done=start, total=len(ids)))
                some = ids[start : start + size]
                self._batch = asyncio.create_task(asyncio.to_thread(self._embed, backbone, some))
                await asyncio.wait([self._batch])  # cancelling this does not cancel the batch
                self._batch.result()
        finally:
            self._project.show_variations(None)
        return True

    def _embed(self, backbone: Backbone, ids: list[int]) -> None:
        """Make and store the views of some examples; do not retry those without any."""

        def read(some: Sequence[int]) -> list[tuple[int, bytes]]:
            return self._project.read(lambda project: project.store.images_of(some))

        left = set(ids)
        try:
            for made in views_by(backbone, ids, read, lambda _: None):
                self._project.read(_keeping(made, backbone.fingerprint))
                left -= {id_ for id_, _ in made}
        except BackboneError as error:
            log.warning("%s", error)
        self._left_out |= {(backbone.fingerprint, id_) for id_ in left}


def _keeping(made: ViewBatch, fingerprint: str) -> Callable[[Project], None]:
    return lambda project: project.keep_views(made, fingerprint)
