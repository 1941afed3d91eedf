"""Evaluate the project beside the live answer."""

from __future__ import annotations

import asyncio

from classify_anything.evaluation.evaluate import evaluate
from classify_anything.project.snapshot import ProjectSnapshot, take_snapshot
from classify_anything.server.backend import Backend
from classify_anything.server.messages import Report
from classify_anything.server.translate import to_report


class Evaluations:
    """Run one evaluation at a time, for all pages, and cache it until the project changes."""

    def __init__(self, project: Backend) -> None:
        self._project = project
        self._one_at_a_time = asyncio.Lock()
        self._known: Report | None = None

    async def report(self) -> Report:
        """Evaluate the current head. Raises InputError if there is nothing to evaluate."""
        async with self._one_at_a_time:
            revision = await self._project.run(lambda project: project.revision)
            if self._known is None or self._known.evaluation.revision != revision:
                snapshot = await self._project.run(take_snapshot)
                self._known = await asyncio.to_thread(_report, snapshot)
            return self._known


def _report(snapshot: ProjectSnapshot) -> Report:
    with snapshot:
        training_set = snapshot.training_set
        found = evaluate(training_set, snapshot.model.head_name)
        return to_report(found, training_set, snapshot.revision)
