"""How the project decides, and how well."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter

from classify_anything.classifier import Classifier
from classify_anything.evaluation import Lesson
from classify_anything.server.messages import ExampleMap, Report, SettingsEdit, State
from classify_anything.server.routes.common import ALWAYS, ProjectOf, change
from classify_anything.server.translate import to_map, to_report

router = APIRouter(prefix="/api", responses=ALWAYS)


def _lesson(classifier: Classifier) -> tuple[Lesson, str, int]:
    return classifier.lesson(), classifier.head_name, classifier.revision


@router.patch("/settings")
async def edit_settings(project: ProjectOf, body: SettingsEdit) -> State:
    """Change the head, or how sure it must be. What is absent stays."""
    return await change(
        project, lambda clf: clf.configure(head=body.head, strictness=body.strictness)
    )


@router.get("/evaluation")
async def evaluation(project: ProjectOf) -> Report:
    """How often the head is right on examples seen without their recording, and what would help.

    It is made aside, so the live answer goes on. 400 while fewer than two classes have examples.
    """
    return await asyncio.to_thread(to_report, *await project.run(_lesson))


@router.get("/examples/map")
async def example_map(project: ProjectOf) -> ExampleMap:
    """Where each example lies in the plane: near ones look alike."""
    lesson, _, _ = await project.run(_lesson)
    return await asyncio.to_thread(to_map, lesson)
