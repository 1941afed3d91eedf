"""The examples, singly and in bulk."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from classify_anything.errors import InputError
from classify_anything.images import thumbnail as make_thumbnail
from classify_anything.project.project import Project
from classify_anything.server.messages import (
    AddedExample,
    ExampleIds,
    ExampleIndex,
    ExampleInfo,
    ExampleMove,
    ExamplePage,
    Id,
    NeighborInfo,
    Neighbors,
    State,
)
from classify_anything.server.routes.common import (
    ALWAYS,
    CONFLICT,
    IMAGE,
    NOT_FOUND,
    ProjectOf,
    change,
    kept,
)
from classify_anything.server.translate import to_index

_MAX_PAGE = 500
_PICTURE: dict[int | str, dict[str, Any]] = {200: {"content": {"image/*": {}}}}
_Name = Annotated[str | None, Query(min_length=1, max_length=64)]

router = APIRouter(responses=ALWAYS)


@router.get("/api/examples", responses=NOT_FOUND)
async def list_examples(
    project: ProjectOf,
    class_id: Id | None = None,
    source: _Name = None,
    recording: Id | None = None,
    before: Id | None = None,
    limit: Annotated[int, Query(ge=1, le=_MAX_PAGE)] = 100,
) -> ExamplePage:
    """List examples, newest first, paged: all, or those of a class, source or recording."""
    found = await project.run(
        lambda project: project.examples(
            class_id, source=source, recording=recording, before=before, limit=limit + 1
        )
    )
    page = found[:limit]
    return ExamplePage(
        examples=[ExampleInfo.model_validate(example) for example in page],
        next=page[-1].id if len(found) > limit else None,
    )


@router.get("/api/examples/index")
async def index(project: ProjectOf) -> ExampleIndex:
    """Return all examples as columns: fast even for ten thousand."""
    return await project.run(to_index)


@router.post(
    "/api/examples",
    status_code=HTTPStatus.CREATED,
    responses=NOT_FOUND,
    openapi_extra=IMAGE,
)
async def add_example(
    project: ProjectOf,
    request: Request,
    class_id: Id | None = None,
    label: str | None = None,
    recording: _Name = None,
    key: _Name = None,
    source: _Name = "http",
) -> AddedExample:
    """Add an example to the class with this id or name; create a class with a new name.

    The body is the image itself. Examples with the same ``recording`` belong together; one whose
    ``key`` is known is not added again.
    """
    target = label if class_id is None else class_id
    if target is None:
        raise InputError("Specify class_id or label.")
    image = await request.body()

    def add(own: Project) -> AddedExample:
        added, change = own.add(
            target, image, recording=recording, key=key, source=source or "http"
        )
        return AddedExample(**dict(ExampleInfo.model_validate(added)), change=change)

    return await project.run(add)


@router.get("/api/examples/{example_id}", responses=NOT_FOUND)
async def example(project: ProjectOf, example_id: Id) -> ExampleInfo:
    """Return an example without its picture."""
    return ExampleInfo.model_validate(
        await project.run(lambda project: project.store.example(example_id))
    )


@router.get(
    "/api/examples/{example_id}/image",
    response_class=Response,
    responses={**_PICTURE, **NOT_FOUND},
)
async def image(project: ProjectOf, example_id: Id, run: _Name = None) -> Response:
    """Return the original picture of an example, byte for byte.

    With the ``run`` of the state in its address it may be kept for ever.
    """
    data, media_type = await project.run(lambda project: project.store.image(example_id))
    return Response(data, media_type=media_type, headers=kept(run))


@router.get(
    "/api/examples/{example_id}/thumbnail",
    response_class=Response,
    responses={**_PICTURE, **NOT_FOUND},
)
async def thumbnail(project: ProjectOf, example_id: Id, run: _Name = None) -> Response:
    """Return the picture of an example as a square JPEG, 160 pixels wide.

    With the ``run`` of the state in its address it may be kept for ever.
    """
    data, _ = await project.run(lambda project: project.store.image(example_id))
    small = await asyncio.to_thread(make_thumbnail, data)
    return Response(small, media_type="image/jpeg", headers=kept(run))


@router.get("/api/examples/{example_id}/neighbors", responses=NOT_FOUND)
async def neighbors(
    project: ProjectOf, example_id: Id, limit: Annotated[int, Query(ge=1, le=100)] = 8
) -> Neighbors:
    """List the examples most similar to one, nearest first."""
    found = await project.run(lambda project: project.neighbors(example_id, limit))
    return Neighbors(neighbors=[NeighborInfo.model_validate(one) for one in found])


@router.delete("/api/examples/{example_id}", responses=NOT_FOUND)
async def remove_example(project: ProjectOf, example_id: Id) -> State:
    """Delete one example."""
    return await change(project, lambda project: project.remove(example_id))


@router.post("/api/examples/remove", responses=NOT_FOUND)
async def remove_examples(project: ProjectOf, body: ExampleIds) -> State:
    """Delete many examples, as one change."""
    return await change(project, lambda project: project.remove(body.ids))


@router.post("/api/examples/move", responses=NOT_FOUND)
async def move_examples(project: ProjectOf, body: ExampleMove) -> State:
    """Move many examples to another class, as one change."""
    return await change(project, lambda project: project.move(body.ids, body.class_id))


@router.delete("/api/recordings/last", responses=CONFLICT)
async def remove_last_recording(project: ProjectOf) -> State:
    """Delete the examples of the newest recording."""
    return await change(project, Project.remove_last_recording)
