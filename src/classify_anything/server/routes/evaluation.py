"""How the project decides, and how well."""

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
    """Change the head, or how sure it must be. What is absent stays."""
    return await change(
        project,
        lambda project: project.configure(head=body.head, rejection_level=body.rejection_level),
    )


@router.get("/evaluation")
async def evaluation(evaluations: EvaluationsOf) -> Report:
    """How often the head is right on examples seen without their recording, and what would help.

    It is made aside, so the live answer goes on, and once for all who ask. 400 while fewer than two
    classes have examples, or none has two.
    """
    return await evaluations.report()


@router.get("/examples/map")
async def example_map(project: ProjectOf) -> ExampleMap:
    """Where each example lies in the plane: near ones look alike."""
    training_set = await project.run(Project.training_set)
    return await asyncio.to_thread(to_map, training_set)
