"""Judges the heads beside the live answer."""

from __future__ import annotations

import asyncio

from classify_anything.classifier import Classifier
from classify_anything.evaluation import AUTOMATIC, Lesson
from classify_anything.server.messages import Report
from classify_anything.server.served import Served
from classify_anything.server.translate import to_report


class Evaluations:
    """One evaluation at a time, for all pages; it is kept until the project has changed."""

    def __init__(self, project: Served) -> None:
        self._project = project
        self._one_at_a_time = asyncio.Lock()
        self._known: tuple[tuple[int, str, bool], Report] | None = None

    async def report(self) -> Report:
        """How often each head is right now. Raises InputError if nothing can be judged."""
        async with self._one_at_a_time:
            moment = await self._project.run(_moment)
            if self._known is None or self._known[0] != moment:
                lesson, moment = await self._project.run(_lesson)
                revision, head, automatic = moment
                made = await asyncio.to_thread(
                    to_report, lesson, head, revision, automatic=automatic
                )
                self._known = moment, made
            return self._known[1]


def _moment(classifier: Classifier) -> tuple[int, str, bool]:
    """What an evaluation hangs on: the revision, the head, and whether that was chosen."""
    return classifier.revision, classifier.head_name, classifier.settings.head == AUTOMATIC


def _lesson(classifier: Classifier) -> tuple[Lesson, tuple[int, str, bool]]:
    return classifier.lesson(), _moment(classifier)
