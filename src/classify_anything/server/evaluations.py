"""Evaluate the project beside the live answer."""

from __future__ import annotations

import asyncio

from classify_anything.classifier import Classifier
from classify_anything.evaluation.evaluate import TrainingSet, evaluate
from classify_anything.server.backend import Backend
from classify_anything.server.messages import Report
from classify_anything.server.translate import to_report


class Evaluations:
    """One evaluation at a time, for all pages; it is kept until the project changes."""

    def __init__(self, project: Backend) -> None:
        self._project = project
        self._one_at_a_time = asyncio.Lock()
        self._known: tuple[tuple[int, str], Report] | None = None

    async def report(self) -> Report:
        """Evaluate the head in use. Raises InputError if there is nothing to evaluate."""
        async with self._one_at_a_time:
            version = await self._project.run(_version)
            if self._known is None or self._known[0] != version:
                training_set, version = await self._project.run(_lesson)
                self._known = version, await asyncio.to_thread(_report, training_set, version)
            return self._known[1]


def _version(classifier: Classifier) -> tuple[int, str]:
    """What an evaluation depends on: the revision and the head."""
    return classifier.revision, classifier.head_name


def _lesson(classifier: Classifier) -> tuple[TrainingSet, tuple[int, str]]:
    return classifier.training_set(), _version(classifier)


def _report(training_set: TrainingSet, version: tuple[int, str]) -> Report:
    revision, head = version
    return to_report(evaluate(training_set, head), training_set, revision)
