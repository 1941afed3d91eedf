"""Assemble the server from its parts."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles
from starlette.types import Lifespan

from classify_anything import errors
from classify_anything._version import __version__
from classify_anything.export.formats.static_page import STATIC
from classify_anything.server import live
from classify_anything.server.access import Guard
from classify_anything.server.backbones import Backbones
from classify_anything.server.backend import Backend
from classify_anything.server.background import INTERNAL, Background
from classify_anything.server.evaluations import Evaluations
from classify_anything.server.exports import ExportJob
from classify_anything.server.imports import ImportJob
from classify_anything.server.jobs import Jobs
from classify_anything.server.messages import (
    AddFrame,
    Answer,
    ErrorReply,
    PredictFrame,
)
from classify_anything.server.routes import backbone as backbone_routes
from classify_anything.server.routes import classes as class_routes
from classify_anything.server.routes import datasets as dataset_routes
from classify_anything.server.routes import evaluation as evaluation_routes
from classify_anything.server.routes import examples as example_routes
from classify_anything.server.routes import exports as export_routes
from classify_anything.server.routes import project as project_routes
from classify_anything.server.samples import add_samples
from classify_anything.server.views import Views

log = logging.getLogger(__name__)

_STATUS = (
    (errors.NotFoundError, HTTPStatus.NOT_FOUND),
    (errors.ConflictError, HTTPStatus.CONFLICT),
    (errors.NothingToUndoError, HTTPStatus.CONFLICT),
    (errors.TooLargeError, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (errors.InputError, HTTPStatus.BAD_REQUEST),
    (errors.MissingExtraError, HTTPStatus.NOT_IMPLEMENTED),
    (errors.ReadOnlyError, HTTPStatus.FORBIDDEN),
    (errors.StoreFullError, HTTPStatus.INSUFFICIENT_STORAGE),
)


class _Assets(StaticFiles):
    """Files with a hash in their name, so they never change."""

    def file_response(self, *args: Any, **kwargs: Any) -> Any:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def create_app(project: Backend, token: str | None = None) -> FastAPI:
    """Create the application for an open project or export.

    Raises:
        BuildError: the package was installed without its page.
    """
    if not (STATIC / "index.html").is_file():
        raise errors.BuildError("The page is not in this installation. Install the package again.")

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        background.start("changes", project.follow_other_processes)
        background.start("fit", project.keep_fitted)
        background.start("backbone", app.state.backbones.follow)
        background.start("views", app.state.views.follow)
        yield
        background.cancel()
        await imports.close()
        await exports.close()
        await app.state.backbones.cancel()
        await app.state.views.close()

    app = _routes(lifespan)
    app.state.project = project
    app.state.background = background = Background()
    app.state.imports = imports = Jobs[ImportJob](kept=20)
    app.state.exports = exports = Jobs[ExportJob](kept=5)
    app.state.evaluations = Evaluations(project)
    app.state.backbones = backbones = Backbones(project, lambda: imports.running)
    app.state.views = Views(project, lambda: imports.running or backbones.working)
    app.add_middleware(Guard, token=token)

    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})

    app.mount("/assets", _Assets(directory=STATIC / "assets"))
    app.mount("/", StaticFiles(directory=STATIC))
    return app


def describe() -> dict[str, Any]:
    """Return the OpenAPI description, including the socket's messages."""
    return _routes().openapi()


def _routes(lifespan: Lifespan[FastAPI] | None = None) -> FastAPI:
    app = FastAPI(
        title="Classify Anything",
        version=__version__,
        docs_url=None,  # they load scripts from other sites; see docs/http.md instead
        redoc_url=None,
        lifespan=lifespan,
    )
    app.add_exception_handler(errors.ClassifyAnythingError, _known_error)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unknown_error)
    for part in (
        project_routes,
        class_routes,
        evaluation_routes,
        example_routes,
        dataset_routes,
        export_routes,
        backbone_routes,
    ):
        app.include_router(part.router)
    app.include_router(live.router)
    _describe_what_fastapi_cannot_see(app)
    return app


def _reply(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse(ErrorReply.of(code, message).model_dump(), status)


async def _known_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, errors.ClassifyAnythingError)
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    return _reply(status, error.code, str(error))


async def _invalid_request(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return _reply(HTTPStatus.BAD_REQUEST, errors.InputError.code, f"{where}: {first['msg']}.")


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code = errors.InputError.code
    if error.status_code == HTTPStatus.NOT_FOUND:
        code = errors.NotFoundError.code
    return _reply(error.status_code, code, f"{request.method} {request.url.path}: {error.detail}.")


async def _unknown_error(request: Request, error: Exception) -> JSONResponse:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return _reply(HTTPStatus.INTERNAL_SERVER_ERROR, errors.ClassifyAnythingError.code, INTERNAL)


def _error(status: HTTPStatus) -> dict[str, Any]:
    media = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorReply"}}}
    return {str(status.value): {"description": status.phrase, "content": media}}


def _describe_what_fastapi_cannot_see(app: FastAPI) -> None:
    """Add the socket's messages to the OpenAPI schema and remove FastAPI's own errors."""
    models = [(PredictFrame, "validation"), (AddFrame, "validation"), (Answer, "serialization")]
    _, definitions = models_json_schema(
        models,  # type: ignore[arg-type] # the list's literals are widened
        ref_template="#/components/schemas/{model}",
    )
    describe_routes = app.openapi

    def openapi() -> dict[str, Any]:
        schema = describe_routes()
        schemas = schema["components"]["schemas"]
        schemas.update(definitions["$defs"])
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        for path, operations in schema["paths"].items():
            for method, operation in operations.items():
                responses = operation["responses"]
                responses.pop("422", None)  # _invalid_request answers 400 instead
                if "requestBody" in operation:
                    responses |= _error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
                if method != "get" and path != "/api/predict":
                    responses |= _error(HTTPStatus.INSUFFICIENT_STORAGE)
        add_samples(schema)
        return schema

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's documented way
