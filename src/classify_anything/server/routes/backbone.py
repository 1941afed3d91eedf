"""The backbone: its layers, changes, and downloads for a page that classifies itself."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Response

from classify_anything.backbones.layer_profile import layers_of
from classify_anything.errors import ConflictError
from classify_anything.export.browser_model import to_browser_model
from classify_anything.export.formats.model_file import write_browser_model
from classify_anything.project.snapshot import ProjectSnapshot, take_snapshot
from classify_anything.server.messages import (
    BackboneChoice,
    BackbonesInfo,
    LayerInfo,
    LayersInfo,
)
from classify_anything.server.routes.common import ALWAYS, CONFLICT, BackbonesOf, ProjectOf

router = APIRouter(prefix="/api", responses=ALWAYS)

_FILE: dict[int | str, dict[str, Any]] = {200: {"content": {"application/octet-stream": {}}}}


@router.get("/model", response_class=Response, responses=_FILE)
async def model(project: ProjectOf, fingerprint: str = "", after: int = 0) -> Response:
    """Return the model, for a page that predicts by itself; 400 with fewer than two classes.

    A page that has vectors of the backbone with this fingerprint gets only those of examples whose
    id exceeds ``after``.
    """
    snapshot = await project.run(take_snapshot)
    held = after if fingerprint == snapshot.backbone.fingerprint else 0
    data = await asyncio.to_thread(_browser_model, snapshot, held)
    return Response(data, media_type="application/octet-stream")


def _browser_model(snapshot: ProjectSnapshot, after: int) -> bytes:
    with snapshot:
        return write_browser_model(to_browser_model(snapshot), after)


@router.get("/backbone", response_class=Response, responses={**_FILE, **CONFLICT})
async def backbone(project: ProjectOf, fingerprint: str | None = None) -> Response:
    """Return the backbone as an ONNX graph, for a page that classifies itself.

    With ``fingerprint``, fail unless it matches: a model fits only its own backbone.
    """
    used = await project.run(lambda project: project.backbone)
    if fingerprint not in (None, used.fingerprint):
        raise ConflictError("The backbone has changed.")
    graph = await asyncio.to_thread(used.graph)
    return Response(graph, media_type="application/octet-stream")


@router.get("/backbones")
async def backbones(work: BackbonesOf) -> BackbonesInfo:
    """List all known backbones with their results, and the current job."""
    return await work.info()


@router.post("/backbones", status_code=HTTPStatus.ACCEPTED, responses=CONFLICT)
async def begin_backbones(work: BackbonesOf, body: BackboneChoice) -> BackbonesInfo:
    """Compare backbones on the project's own examples, or change to another one.

    This runs in the background; until it is done the project answers as before.
    """
    work.begin(body.names, use=body.use)
    return await work.info()


@router.delete("/backbones")
async def cancel_backbones(work: BackbonesOf) -> BackbonesInfo:
    """Cancel the current job; the project keeps its backbone."""
    await work.cancel()
    return await work.info()


@router.get("/backbone/layers")
async def backbone_layers(project: ProjectOf) -> LayersInfo:
    """List the layers of the backbone, each timed on this machine; takes about a second.

    Layers of a .tflite file are not timed.
    """
    backbone = await project.run(lambda project: project.backbone)
    found = await asyncio.to_thread(layers_of, backbone, measure=True)
    return LayersInfo(
        name=backbone.name,
        size=backbone.size,
        dimension=backbone.dimension,
        layers=[LayerInfo.model_validate(layer) for layer in found],
    )
