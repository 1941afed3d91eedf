"""The project as a whole: state, prediction, undo and redo."""

from __future__ import annotations

from fastapi import APIRouter, Request

from classify_anything._version import __version__
from classify_anything.server.messages import ChangeInfo, Health, PredictionInfo, State, UndoRequest
from classify_anything.server.routes.common import (
    ALWAYS,
    CONFLICT,
    IMAGE,
    BackbonesOf,
    ProjectOf,
    change,
)

router = APIRouter(responses=ALWAYS)


@router.get("/healthz")
async def health(request: Request) -> Health:
    """Report that the server runs, and the errors of its background tasks."""
    return Health(version=__version__, errors=request.app.state.background.errors)


@router.get("/api/state")
async def state(project: ProjectOf) -> State:
    """Return the state: classes, counts, and the changes to undo and redo."""
    return await project.newest()


@router.post("/api/predict", openapi_extra=IMAGE)
async def predict(project: ProjectOf, request: Request) -> PredictionInfo:
    """Classify an image. The body is the image itself: JPEG, PNG, WebP, …"""
    return await project.predict(await request.body())


@router.post("/api/undo", responses=CONFLICT)
async def undo(project: ProjectOf, backbones: BackbonesOf, body: UndoRequest) -> State:
    """Undo the newest change."""
    await backbones.embed_missing(body.change or _id(project.state.undo))
    return await change(project, lambda project: project.store.undo(body.change))


@router.post("/api/redo", responses=CONFLICT)
async def redo(project: ProjectOf, backbones: BackbonesOf, body: UndoRequest) -> State:
    """Redo the last undone change."""
    await backbones.embed_missing(body.change or _id(project.state.redo))
    return await change(project, lambda project: project.store.redo(body.change))


def _id(found: ChangeInfo | None) -> int | None:
    return found.id if found else None
