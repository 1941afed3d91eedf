"""The OpenAPI description says all of a route, with examples that are true."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest

from classify_anything import errors
from classify_anything.server import messages
from classify_anything.server.app import describe
from tests.server import RunningServer

SCHEMA = describe()
CODES = {
    kind.code
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.ClassifyAnythingError)
}


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in SCHEMA["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


OPERATIONS = dict(operations())
WITHOUT_BODY = ("POST /api/imports",)
ERRORS = {"400", "403", "500"}


def check(media: dict[str, Any]) -> messages.Message:
    """Whether the example is what the schema says; gives it."""
    kind = getattr(messages, media["schema"]["$ref"].rpartition("/")[2])
    found: messages.Message = kind.model_validate_json(json.dumps(media["example"]))
    return found


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_route_is_described_with_examples(name: str) -> None:
    operation = OPERATIONS[name]
    assert operation["summary"]
    assert len(operation["description"].split()) >= 3
    statuses = operation["responses"]
    if name.startswith(("POST", "PUT", "PATCH")) and name not in WITHOUT_BODY:
        for kind, media in operation["requestBody"]["content"].items():
            if kind == "application/json":
                check(media)
            else:
                assert media["schema"]["format"] == "binary"
        assert {"413", *ERRORS} <= set(statuses)
    else:
        assert "requestBody" not in operation
    if name != "GET /healthz":
        assert set(statuses) >= ERRORS
    if not name.startswith("GET") and name != "POST /api/predict":
        assert "507" in statuses
    assert any(status.startswith("2") for status in statuses)
    for status, response in statuses.items():
        media = response.get("content", {}).get("application/json")
        if int(status) >= HTTPStatus.BAD_REQUEST:
            reply = check(media)
            assert isinstance(reply, messages.ErrorReply)
            assert reply.error.code in CODES
        elif media is not None:
            check(media)


def test_every_route_can_be_told_from_the_others() -> None:
    names = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(set(names)) == len(names)


def test_the_server_gives_the_description(server: RunningServer) -> None:
    assert server.http.get("/openapi.json").json()["paths"] == SCHEMA["paths"]
