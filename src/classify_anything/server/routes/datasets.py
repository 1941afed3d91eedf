"""Datasets in and out."""

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
    """Begin an import: send its files next, then start it."""
    return imports.add(ImportJob(project)).info


@router.put(
    "/api/imports/{import_id}/files/{path:path}",
    status_code=HTTPStatus.NO_CONTENT,
    responses={**NOT_FOUND, **CONFLICT},
    openapi_extra=body("image/*", "video/*", "application/zip", "application/octet-stream"),
)
async def send_file(imports: ImportsOf, import_id: str, path: str, request: Request) -> None:
    """Send one file, which is the body: an image, a zip or a video.

    Its path is relative; the folder that an image lies in becomes its class.
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
    """Add what was sent, in the background: ask again how far it is."""
    frames = Frames(body.fps, body.start, body.end)
    job = imports.find(import_id)
    if backbones.changing:
        raise ConflictError("The network is being changed. Add pictures when that is done.")
    return job.start(body.label, frames).info


@router.get("/api/imports/{import_id}", responses=NOT_FOUND)
async def import_progress(imports: ImportsOf, import_id: str) -> ImportInfo:
    """How far an import is."""
    return imports.find(import_id).info


@router.delete("/api/imports/{import_id}", responses=NOT_FOUND)
async def cancel_import(imports: ImportsOf, import_id: str) -> ImportInfo:
    """Cancel an import that is under way: the project is as it was before it."""
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
    """The project as a file: a zip of the original images, or the embeddings as TF.js's k-NN."""
    folder = tempfile.TemporaryDirectory(prefix="classify-anything-")
    name = project.state.project + _ENDINGS[format]
    try:
        snapshot = await project.run(take_snapshot)
        written = await asyncio.to_thread(_write, snapshot, Path(folder.name, "export"), format)
    except BaseException:
        folder.cleanup()
        raise
    return FileResponse(written.path, filename=name, background=BackgroundTask(folder.cleanup))
