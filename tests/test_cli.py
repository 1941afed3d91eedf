"""Help, usage errors, exit codes, projects and ports of the command line."""

from __future__ import annotations

import os
import pty
import select
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer

from classify_anything import __version__, settings
from classify_anything.cli import app
from classify_anything.errors import ClassifyAnythingError
from tests.command import COMMAND, run
from tests.server import start_server

COMMANDS = typer.main.get_command(app).commands


def test_version_option() -> None:
    assert run("--version").stdout.strip() == f"classify-anything {__version__}"


def test_version_option_imports_no_slow_libraries() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "classify_anything", "--version"],
        capture_output=True,
        text=True,
    )
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "typer" in loaded
    assert not loaded & {"numpy", "PIL", "onnxruntime", "sqlalchemy", "fastapi", "rich", "cv2"}


def test_help_has_examples_and_every_command() -> None:
    text = " ".join(run("--help").stdout.split())
    assert "hold a button" in text
    assert "classify-anything desk.db" in text
    for name in COMMANDS:
        assert f" {name} " in text


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_lists_its_options(name: str) -> None:
    text = " ".join(run(name, "--help", COLUMNS="200").stdout.split())
    for parameter in COMMANDS[name].params:
        assert parameter.help in text
        assert parameter.envvar is None or parameter.envvar in text


def test_an_error_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    done = run("--no-open", "--port", "0", tmp_path / "notes.txt")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
    wrong = run("--no-open", "--port", "0", "--backbone", "nope", tmp_path / "p.db")
    assert wrong.returncode == 1
    assert run("--port", "99999", tmp_path / "p.db").returncode == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("--port", "many"),
        ("serve", "one.db", "two.db"),
        ("import",),
        ("import", "photos", "--from", "1:x"),
        ("import", "photos", "--to", "-3"),
        ("predict", "--json", "--csv", "photo.jpg"),
        ("export", "out.zip", "--format", "rar"),
        ("watch", "0", "--on-change", "no-such-command-anywhere"),
        ("watch", "0", "--on-change", "echo 'open"),
        ("watch", "0", "--on-change", ""),
    ],
)
def test_wrong_usage_is_exit_code_2(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = run(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Error: " in done.stderr.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [("predict", "x.jpg"), ("classes",), ("examples",), ("export", "x.zip"), ("watch", "0")],
)
def test_a_command_that_reads_creates_no_project(
    tmp_path: Path, tiny_backbone: Path, arguments: tuple[str, ...]
) -> None:
    done = run(*arguments, "-p", "no.db", "--backbone", tiny_backbone, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        "",
        "Error: no.db: no such project.\n",
    )
    assert list(tmp_path.iterdir()) == []


def test_a_first_word_that_is_not_a_command_is_a_project(
    tmp_path: Path, tiny_backbone: Path
) -> None:
    with start_server(tmp_path / "desk.db", "--backbone", tiny_backbone):
        assert (tmp_path / "desk.db").exists()


def test_a_project_may_have_the_name_of_a_command(tmp_path: Path) -> None:
    (tmp_path / "import").write_text("no project")
    done = run("./import", "--no-open", "--port", "0", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: import: ")


def test_a_misspelt_command_creates_no_project(tmp_path: Path) -> None:
    done = run("exmaples", cwd=tmp_path)
    assert done.returncode == 2
    assert "Did you mean 'examples'?" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_default_project_is_in_the_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert str(settings.default_project()) in run("classes").stderr


def test_error_for_a_taken_port_names_a_free_one(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("--no-open", "--port", str(port), tmp_path / "p.db")
        assert done.returncode == 1
        assert f"Port {port} is taken by another program." in done.stderr
        assert "is free: --port" in done.stderr
    assert not (tmp_path / "p.db").exists()


def test_a_terminal_offers_the_next_free_port(tmp_path: Path, tiny_backbone: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        here, there = pty.openpty()
        process = subprocess.Popen(
            [*COMMAND, "--no-open", "--port", str(port), "--backbone", tiny_backbone, "p.db"],
            stdin=there,
            stdout=there,
            stderr=there,
            cwd=tmp_path,
        )
        os.close(there)
        try:
            output = read_until(here, b"Use ")
            assert f"Port {port} is taken".encode() in output
            os.write(here, b"\n")
            assert b"http://127.0.0.1:" in read_until(here, b"Ctrl+C")
        finally:
            process.terminate()
            process.wait(20)
            os.close(here)


def read_until(terminal: int, text: bytes) -> bytes:
    output, end = b"", time.monotonic() + 30
    while text not in output and time.monotonic() < end:
        if select.select([terminal], [], [], 0.2)[0]:
            output += os.read(terminal, 4096)
    return output


def test_another_address_prints_a_token(tmp_path: Path, tiny_backbone: Path) -> None:
    options = ("--backbone", tiny_backbone, "--host", "0.0.0.0")
    with start_server(tmp_path / "p.db", *options) as server:
        token = server.url.partition("?token=")[2]
        assert len(token) >= 16


def test_every_error_has_a_code_of_its_own() -> None:
    def kinds(base: type[ClassifyAnythingError]) -> list[type[ClassifyAnythingError]]:
        return [base, *(kind for child in base.__subclasses__() for kind in kinds(child))]

    own = [kind for kind in kinds(ClassifyAnythingError) if "code" in vars(kind)]
    assert len({kind.code for kind in own}) == len(own)
