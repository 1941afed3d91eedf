"""The command line says what it does, and ends with one clear line when it cannot."""

from __future__ import annotations

import os
import pty
import select
import socket
import subprocess
import sys
import time
from pathlib import Path

from classify_anything import __version__, settings
from classify_anything.errors import ClassifyAnythingError
from tests.server import run_server


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "classify_anything", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )


def test_it_says_its_version() -> None:
    assert run("--version").stdout.strip() == f"classify-anything {__version__}"


def test_help_teaches() -> None:
    text = " ".join(run("--help").stdout.split())
    assert "hold a button" in text
    assert "classify-anything desk.db" in text
    for option in settings.OPTIONS:
        assert option.env in text
        assert option.help.split()[0] in text


def test_an_error_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    done = run("--no-open", "--port", "0", str(tmp_path / "notes.txt"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
    assert (
        run("--no-open", "--port", "0", "--backbone", "nope", str(tmp_path / "p.db")).returncode
        == 1
    )
    assert run("--port", "99999", str(tmp_path / "p.db")).returncode == 1
    assert run("--port", "many").returncode == 2


def test_without_a_project_the_users_own_is_opened(tmp_path: Path, tiny_backbone: Path) -> None:
    os.environ["XDG_DATA_HOME"] = str(tmp_path)
    try:
        own = settings.default_project()
        script = "from classify_anything.settings import default_project; print(default_project())"
        shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
        assert Path(shown.stdout.strip()) == own
    finally:
        del os.environ["XDG_DATA_HOME"]


def test_a_taken_port_is_told_with_the_next_free_one(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("--no-open", "--port", str(port), str(tmp_path / "p.db"))
        assert done.returncode == 1
        assert f"Port {port} is taken by another program." in done.stderr
        assert "is free: --port" in done.stderr
    assert not (tmp_path / "p.db").exists()


def test_a_person_is_offered_the_next_free_port(tmp_path: Path, tiny_backbone: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        here, there = pty.openpty()
        command = [sys.executable, "-m", "classify_anything", "--no-open", "--port", str(port)]
        process = subprocess.Popen(
            [*command, "--backbone", str(tiny_backbone), str(tmp_path / "p.db")],
            stdin=there,
            stdout=there,
            stderr=there,
        )
        os.close(there)
        try:
            said = read_until(here, b"Use ")
            assert f"Port {port} is taken".encode() in said
            os.write(here, b"\n")
            assert b"http://127.0.0.1:" in read_until(here, b"Ctrl+C")
        finally:
            process.terminate()
            process.wait(20)
            os.close(here)


def read_until(terminal: int, text: bytes) -> bytes:
    said, end = b"", time.monotonic() + 30
    while text not in said and time.monotonic() < end:
        if select.select([terminal], [], [], 0.2)[0]:
            said += os.read(terminal, 4096)
    return said


def test_another_address_prints_a_token(tmp_path: Path, tiny_backbone: Path) -> None:
    options = ("--backbone", str(tiny_backbone), "--host", "0.0.0.0")
    with run_server(tmp_path / "p.db", *options) as server:
        token = server.url.partition("?token=")[2]
        assert len(token) >= 16


def test_every_error_has_a_code_of_its_own() -> None:
    def kinds(base: type[ClassifyAnythingError]) -> list[type[ClassifyAnythingError]]:
        return [base, *(kind for child in base.__subclasses__() for kind in kinds(child))]

    own = [kind for kind in kinds(ClassifyAnythingError) if "code" in vars(kind)]
    assert len({kind.code for kind in own}) == len(own)
