"""The classes."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter

from classify_anything.server.messages import ClassEdit, ClassInfo, Id, NewClass, State
from classify_anything.server.routes.common import ALWAYS, NOT_FOUND, ProjectOf, change
from classify_anything.server.translate import to_class

router = APIRouter(prefix="/api/classes", responses=ALWAYS)


@router.post("", status_code=HTTPStatus.CREATED)
async def add_class(project: ProjectOf, body: NewClass) -> ClassInfo:
    """Add a class; ``name`` defaults to the first free "Class N"."""
    return await project.run(lambda project: to_class(project, project.store.add_class(body.name)))


@router.patch("/{class_id}", responses=NOT_FOUND)
async def edit_class(project: ProjectOf, class_id: Id, body: ClassEdit) -> ClassInfo:
    """Rename or recolour a class."""
    return await project.run(
        lambda project: to_class(
            project, project.edit_class(class_id, name=body.name, color=body.color)
        )
    )


@router.delete("/{class_id}", responses=NOT_FOUND)
async def remove_class(project: ProjectOf, class_id: Id) -> State:
    """Delete a class and its examples."""
    return await change(project, lambda project: project.remove_class(class_id))


@router.delete("/{class_id}/examples", responses=NOT_FOUND)
async def clear_class(project: ProjectOf, class_id: Id) -> State:
    """Delete all examples of a class; the class stays."""
    return await change(project, lambda project: project.clear_class(class_id))
