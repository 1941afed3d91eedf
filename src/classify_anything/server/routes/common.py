"""What the routes share."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Request

from classify_anything.classifier import Classifier
from classify_anything.server.imports import Imports
from classify_anything.server.messages import ErrorReply, State
from classify_anything.server.project import LiveProject

FOREVER = {"Cache-Control": "private, max-age=31536000, immutable"}


def _project(request: Request) -> LiveProject:
    project: LiveProject = request.app.state.project
    return project


def _imports(request: Request) -> Imports:
    imports: Imports = request.app.state.imports
    return imports


ProjectOf = Annotated[LiveProject, Depends(_project)]
ImportsOf = Annotated[Imports, Depends(_imports)]


def errors(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """The errors of a route, for the description."""
    return {int(status): {"model": ErrorReply} for status in statuses}


ALWAYS = errors(HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.INTERNAL_SERVER_ERROR)
NOT_FOUND = errors(HTTPStatus.NOT_FOUND)
CONFLICT = errors(HTTPStatus.CONFLICT)
TOO_LARGE = errors(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


async def change(project: LiveProject, job: Callable[[Classifier], object]) -> State:
    """Run a job that changes the project, and give the state after it."""
    await project.run(job)
    return project.state
