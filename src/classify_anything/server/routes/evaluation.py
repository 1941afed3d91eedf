"""Classifier settings and evaluation."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter

from classify_anything.project.project import Project
from classify_anything.server.messages import ExampleMap, Report, SettingsEdit, State
from classify_anything.server.routes.common import ALWAYS, EvaluationsOf, ProjectOf, change
from classify_anything.server.translate import to_map

router = APIRouter(prefix="/api", responses=ALWAYS)


@router.patch("/settings")
async def edit_settings(project: ProjectOf, body: SettingsEdit) -> State:
    """Change the head or the rejection level. Absent fields stay unchanged."""
    return await change(
        project,
        lambda project: project.configure(head=body.head, rejection_level=body.rejection_level),
    )


@router.get("/evaluation")
async def evaluation(evaluations: EvaluationsOf) -> Report:
    """Return the accuracy, tested without each example's recording, and advice.

    Live answers continue meanwhile, and concurrent requests share one evaluation. 400 if fewer
    than two classes have examples, or none has two.
    """
    return await evaluations.report()


@router.get("/examples/map")
async def example_map(project: ProjectOf) -> ExampleMap:
    """Return a 2-D map of the examples, similar ones near each other."""
    training_set = await project.run(Project.training_set)
    return await asyncio.to_thread(to_map, training_set)
