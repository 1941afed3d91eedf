"""What the routes share."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Request

from classify_anything.project.project import Project
from classify_anything.server.backbones import Backbones
from classify_anything.server.backend import SERVER_RUN_ID, Backend
from classify_anything.server.evaluations import Evaluations
from classify_anything.server.exports import ExportJob
from classify_anything.server.imports import ImportJob
from classify_anything.server.jobs import Jobs
from classify_anything.server.messages import ErrorReply, State

_FOREVER = "private, max-age=31536000, immutable"
_ASK_AGAIN = "private, no-cache"


def _project(request: Request) -> Backend:
    project: Backend = request.app.state.project
    return project


def _imports(request: Request) -> Jobs[ImportJob]:
    _project(request).expect_project()
    imports: Jobs[ImportJob] = request.app.state.imports
    return imports


def _backbones(request: Request) -> Backbones:
    backbones: Backbones = request.app.state.backbones
    return backbones


def _evaluations(request: Request) -> Evaluations:
    evaluations: Evaluations = request.app.state.evaluations
    return evaluations


def _exports(request: Request) -> Jobs[ExportJob]:
    _project(request).expect_project()
    exports: Jobs[ExportJob] = request.app.state.exports
    return exports


ProjectOf = Annotated[Backend, Depends(_project)]
ImportsOf = Annotated[Jobs[ImportJob], Depends(_imports)]
BackbonesOf = Annotated[Backbones, Depends(_backbones)]
EvaluationsOf = Annotated[Evaluations, Depends(_evaluations)]
ExportsOf = Annotated[Jobs[ExportJob], Depends(_exports)]


def errors(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """Describe the errors of a route."""
    return {int(status): {"model": ErrorReply} for status in statuses}


def body(*media_types: str) -> dict[str, Any]:
    """Describe a body that is a file."""
    file = {"schema": {"type": "string", "format": "binary"}}
    return {"requestBody": {"required": True, "content": dict.fromkeys(media_types, file)}}


IMAGE = body("image/*", "application/octet-stream")
ALWAYS = errors(HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.INTERNAL_SERVER_ERROR)
NOT_FOUND = errors(HTTPStatus.NOT_FOUND)
CONFLICT = errors(HTTPStatus.CONFLICT)


def kept(run: str | None) -> dict[str, str]:
    """Return the cache header of a picture: forever if its address names this server run.

    Otherwise the same address may later show a picture of another project.
    """
    return {"Cache-Control": _FOREVER if run == SERVER_RUN_ID else _ASK_AGAIN}


async def change(project: Backend, job: Callable[[Project], object]) -> State:
    """Run a job that changes the project, and return the new state."""
    await project.run(job)
    return project.state
