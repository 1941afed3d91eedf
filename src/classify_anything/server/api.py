"""Everything but the frames, over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Query, Request, Response

from classify_anything._version import __version__
from classify_anything.classifier import Classifier
from classify_anything.server.messages import (
    ClassEdit,
    ClassInfo,
    ErrorReply,
    ExamplePage,
    Health,
    Id,
    NewClass,
    PredictionInfo,
    State,
    UndoRequest,
)
from classify_anything.server.project import LiveProject
from classify_anything.server.translate import to_class, to_example, to_prediction

T = TypeVar("T")

_MAX_PAGE = 500
_FOREVER = "private, max-age=31536000, immutable"


def _project(request: Request) -> LiveProject:
    project: LiveProject = request.app.state.project
    return project


Project = Annotated[LiveProject, Depends(_project)]


def _errors(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    return {int(status): {"model": ErrorReply} for status in statuses}


router = APIRouter(
    responses=_errors(
        HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.INTERNAL_SERVER_ERROR
    )
)
_NOT_FOUND = _errors(HTTPStatus.NOT_FOUND)
_CONFLICT = _errors(HTTPStatus.CONFLICT)


async def _change(project: LiveProject, job: Callable[[Classifier], object]) -> State:
    """Run a job that changes the project, and give the state after it."""
    await project.run(job)
    return project.state


@router.get("/healthz")
async def health() -> Health:
    """Whether the server runs."""
    return Health(version=__version__)


@router.get("/api/state")
async def state(project: Project) -> State:
    """The project in short: its classes, their counts, and what can be undone."""
    return await _change(project, Classifier.refresh)


@router.post("/api/predict")
async def predict(project: Project, request: Request) -> PredictionInfo:
    """Say what an image shows. The body is the image itself: JPEG, PNG, WebP, …"""
    image = await request.body()
    return await project.run(lambda clf: to_prediction(clf, clf.predict(image)))


@router.post("/api/classes", status_code=HTTPStatus.CREATED)
async def add_class(project: Project, body: NewClass) -> ClassInfo:
    """Add a class; without a name, the first free "Class N"."""
    return await project.run(lambda clf: to_class(clf, clf.add_class(body.name)))


@router.patch("/api/classes/{class_id}", responses=_NOT_FOUND)
async def edit_class(project: Project, class_id: Id, body: ClassEdit) -> ClassInfo:
    """Rename a class, or give it another colour."""
    return await project.run(
        lambda clf: to_class(clf, clf.edit_class(class_id, name=body.name, color=body.color))
    )


@router.delete("/api/classes/{class_id}", responses=_NOT_FOUND)
async def remove_class(project: Project, class_id: Id) -> State:
    """Delete a class and its examples."""
    return await _change(project, lambda clf: clf.remove_class(class_id))


@router.delete("/api/classes/{class_id}/examples", responses=_NOT_FOUND)
async def clear_class(project: Project, class_id: Id) -> State:
    """Delete all examples of a class; the class stays."""
    return await _change(project, lambda clf: clf.clear_class(class_id))


@router.get("/api/classes/{class_id}/examples", responses=_NOT_FOUND)
async def list_examples(
    project: Project,
    class_id: Id,
    before: Id | None = None,
    limit: Annotated[int, Query(ge=1, le=_MAX_PAGE)] = 100,
) -> ExamplePage:
    """The examples of a class, newest first, a page at a time."""
    found = await project.run(lambda clf: clf.examples(class_id, before=before, limit=limit + 1))
    page = found[:limit]
    return ExamplePage(
        examples=[to_example(example) for example in page],
        next=page[-1].id if len(found) > limit else None,
    )


@router.get(
    "/api/examples/{example_id}/image",
    response_class=Response,
    responses={200: {"content": {"image/*": {}}}, **_NOT_FOUND},
)
async def image(project: Project, example_id: Id) -> Response:
    """The picture of an example, byte for byte as it was captured."""
    data, media_type = await project.run(lambda clf: clf.image(example_id))
    return Response(data, media_type=media_type, headers={"Cache-Control": _FOREVER})


@router.delete("/api/examples/{example_id}", responses=_NOT_FOUND)
async def remove_example(project: Project, example_id: Id) -> State:
    """Delete one example."""
    return await _change(project, lambda clf: clf.remove(example_id))


@router.delete("/api/recordings/last", responses=_CONFLICT)
async def remove_last_recording(project: Project) -> State:
    """Delete the examples of the newest recording."""
    return await _change(project, Classifier.remove_last_recording)


@router.post("/api/undo", responses=_CONFLICT)
async def undo(project: Project, body: UndoRequest) -> State:
    """Undo the newest change."""
    return await _change(project, lambda clf: clf.undo(body.change))


@router.post("/api/redo", responses=_CONFLICT)
async def redo(project: Project, body: UndoRequest) -> State:
    """Do the change again that was undone last."""
    return await _change(project, lambda clf: clf.redo(body.change))
