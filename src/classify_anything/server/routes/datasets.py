"""Dataset import and export."""

from __future__ import annotations

import asyncio
import tempfile
from http import HTTPStatus
from pathlib import Path
from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from classify_anything.datasets.video import Frames
from classify_anything.errors import ConflictError
from classify_anything.export.write import Written, write_export
from classify_anything.project.snapshot import ProjectSnapshot, take_snapshot
from classify_anything.server.imports import ImportJob
from classify_anything.server.messages import ImportInfo, ImportStart
from classify_anything.server.routes.common import (
    ALWAYS,
    CONFLICT,
    NOT_FOUND,
    BackbonesOf,
    ImportsOf,
    ProjectOf,
    body,
)

router = APIRouter(responses=ALWAYS)

_ENDINGS = {"zip": ".zip", "tfjs-knn": ".json"}


@router.post("/api/imports", status_code=HTTPStatus.CREATED)
async def begin_import(project: ProjectOf, imports: ImportsOf) -> ImportInfo:
    """Create an import; then send its files and start it."""
    return imports.add(ImportJob(project)).info


@router.put(
    "/api/imports/{import_id}/files/{path:path}",
    status_code=HTTPStatus.NO_CONTENT,
    responses={**NOT_FOUND, **CONFLICT},
    openapi_extra=body("image/*", "video/*", "application/zip", "application/octet-stream"),
)
async def send_file(imports: ImportsOf, import_id: str, path: str, request: Request) -> None:
    """Send one file as the body: an image, a zip or a video.

    The path is relative; the folder of an image becomes its class.
    """
    await imports.find(import_id).receive(path, request.stream())


@router.post(
    "/api/imports/{import_id}/start",
    status_code=HTTPStatus.ACCEPTED,
    responses={**NOT_FOUND, **CONFLICT},
)
async def start_import(
    imports: ImportsOf, backbones: BackbonesOf, import_id: str, body: ImportStart
) -> ImportInfo:
    """Add the sent files in the background; poll for progress."""
    frames = Frames(body.fps, body.start, body.end)
    job = imports.find(import_id)
    if backbones.changing:
        raise ConflictError("The backbone is being changed. Retry when the change is done.")
    return job.start(body.label, frames).info


@router.get("/api/imports/{import_id}", responses=NOT_FOUND)
async def import_progress(imports: ImportsOf, import_id: str) -> ImportInfo:
    """Return the progress of an import."""
    return imports.find(import_id).info


@router.delete("/api/imports/{import_id}", responses=NOT_FOUND)
async def cancel_import(imports: ImportsOf, import_id: str) -> ImportInfo:
    """Cancel a running import and restore the project."""
    job = imports.find(import_id)
    await job.cancel()
    return job.info


def _write(snapshot: ProjectSnapshot, path: Path, form: str) -> Written:
    with snapshot:
        return write_export(snapshot, path, form)


@router.get(
    "/api/export",
    response_class=FileResponse,
    responses={200: {"content": {"application/octet-stream": {}}}},
)
async def export(project: ProjectOf, format: Literal["zip", "tfjs-knn"] = "zip") -> FileResponse:  # noqa: A002
    """Return the project as a zip of original images, or as embeddings for TF.js k-NN."""
    folder = tempfile.TemporaryDirectory(prefix="classify-anything-")
    name = project.state.project + _ENDINGS[format]
    try:
        snapshot = await project.run(take_snapshot)
        written = await asyncio.to_thread(_write, snapshot, Path(folder.name, "export"), format)
    except BaseException:
        folder.cleanup()
        raise
    return FileResponse(written.path, filename=name, background=BackgroundTask(folder.cleanup))
