"""Exports of the project, written in the background."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from fastapi.responses import FileResponse

from classify_anything.export.write import check_options, estimated_sizes
from classify_anything.server.exports import ExportJob, options_of
from classify_anything.server.messages import ExportInfo, ExportRequest, ExportSizes
from classify_anything.server.routes.common import (
    ALWAYS,
    CONFLICT,
    NOT_FOUND,
    ExportsOf,
    ProjectOf,
)

router = APIRouter(prefix="/api/exports", responses=ALWAYS)

_FILE: dict[int | str, dict[str, Any]] = {200: {"content": {"application/octet-stream": {}}}}


@router.get("")
async def export_sizes(project: ProjectOf) -> ExportSizes:
    """Estimate the size of each format."""
    return ExportSizes(bytes=await project.run(estimated_sizes))


@router.post("", status_code=HTTPStatus.ACCEPTED)
async def begin_export(project: ProjectOf, exports: ExportsOf, body: ExportRequest) -> ExportInfo:
    """Start an export in the background; poll for progress."""
    check_options(body.format, options_of(body))
    return exports.add(ExportJob(project, body)).info


@router.get("/{export_id}", responses=NOT_FOUND)
async def export_progress(exports: ExportsOf, export_id: str) -> ExportInfo:
    """Return the progress of an export."""
    return exports.find(export_id).info


@router.get(
    "/{export_id}/file",
    response_class=FileResponse,
    responses={**_FILE, **NOT_FOUND, **CONFLICT},
)
async def export_file(exports: ExportsOf, export_id: str) -> FileResponse:
    """Download the exported file."""
    job = exports.find(export_id)
    return FileResponse(job.path, filename=job.name, media_type="application/octet-stream")


@router.delete("/{export_id}", status_code=HTTPStatus.NO_CONTENT, responses=NOT_FOUND)
async def drop_export(exports: ExportsOf, export_id: str) -> None:
    """Cancel an export, or delete its file."""
    await exports.drop(export_id)
