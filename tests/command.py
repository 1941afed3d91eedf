"""Run the command line in this process or in a separate one."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from classify_anything import Classifier
from classify_anything.cli import main
from tests.photos import plain

COMMAND = (sys.executable, "-m", "classify_anything")
_STREAMS = (
    ("stdin", "r", "strict"),
    ("stdout", "w", "strict"),
    ("stderr", "w", "backslashreplace"),
)
SHADES = {
    "mug": ("#ff0000", "#f00010", "#ff2000"),
    "cup": ("#0000ff", "#0010f0", "#2000ff"),
}


def run(
    *arguments: str | Path, given: bytes = b"", cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in this process, without a terminal, and return what it printed."""
    argv = ["classify-anything", *map(str, arguments)]
    with (
        tempfile.TemporaryFile() as source,
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
    ):
        source.write(given)
        source.seek(0)
        with (
            _redirected(source.fileno(), out.fileno(), err.fileno()),
            mock.patch.object(sys, "argv", argv),
            mock.patch.dict(os.environ, environment),
            mock.patch.object(logging.root, "handlers", []),
            contextlib.chdir(cwd or Path.cwd()),
            warnings.catch_warnings(),
        ):
            try:
                main()
                code = 0
            except SystemExit as ended:
                code = int(ended.code or 0)
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode())
    return subprocess.CompletedProcess(argv, code, *texts)


@contextlib.contextmanager
def _redirected(*files: int) -> Iterator[None]:
    """Use these files as the three standard streams, including for child processes."""
    with contextlib.ExitStack() as stack:
        for number, file in enumerate(files):
            name, mode, errors = _STREAMS[number]
            saved = os.dup(number)
            stack.callback(os.close, saved)
            stack.callback(os.dup2, saved, number)
            os.dup2(file, number)
            stream = stack.enter_context(
                open(number, mode, encoding="utf-8", errors=errors, closefd=False)
            )
            stack.enter_context(mock.patch.object(sys, name, stream))
        yield


def run_process(
    *arguments: str | Path, given: bytes = b"", cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in a separate process, for settings that a process reads only once."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        input=given.decode(),
        capture_output=True,
        timeout=60,
        cwd=cwd,
        env={**os.environ, **environment},
        text=True,
    )


def start(*arguments: str | Path, **options: Any) -> subprocess.Popen[str]:
    """Start a command with pipes; it accepts Ctrl+C."""
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Ctrl+C may be disabled if the tests run in the background.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
        **options,
    )


def run_on_terminal(*arguments: str | Path, output: Path | None = None) -> str:
    """Return what a terminal would show; standard output may go to a file instead."""
    command = [*COMMAND, *map(str, arguments)]
    if output:
        command = ["sh", "-c", f"{shlex.join(command)} > {shlex.quote(str(output))}"]
    script = "import pty, sys\nstatus = pty.spawn(sys.argv[1:])\nsys.exit(status >> 8)\n"
    done = subprocess.run(
        [sys.executable, "-c", script, *command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0
    return done.stdout.decode()


def objects(text: str) -> list[dict[str, Any]]:
    """Return the JSON objects of an output, one per line."""
    return [json.loads(line) for line in text.splitlines()]


def write_dataset(folder: Path) -> Path:
    """Write three red pictures of a mug and three blue ones of a cup."""
    for label, colors in SHADES.items():
        (folder / label).mkdir(parents=True)
        for number, color in enumerate(colors):
            (folder / label / f"{number}.png").write_bytes(plain(color))
    return folder


def taught(folder: Path, backbone: Path) -> Path:
    """Create a project with three examples of a mug and three of a cup."""
    project = folder / "desk.db"
    with Classifier(project, backbone=backbone) as clf:
        clf.add_many(
            [(label, plain(color)) for label, colors in SHADES.items() for color in colors]
        )
    return project
