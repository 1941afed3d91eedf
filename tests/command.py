"""The real command line, in a process of its own."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from classify_anything import Classifier
from tests.photos import plain

COMMAND = (sys.executable, "-m", "classify_anything")
SHADES = {
    "mug": ("#ff0000", "#f00010", "#ff2000"),
    "cup": ("#0000ff", "#0010f0", "#2000ff"),
}


def run(
    *arguments: str | Path, given: bytes = b"", cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run it to its end, without a terminal."""
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        input=given,
        capture_output=True,
        timeout=60,
        cwd=cwd,
        env={**os.environ, **environment},
    )
    out, err = (text.decode().replace("\r\n", "\n") for text in (done.stdout, done.stderr))
    return subprocess.CompletedProcess(done.args, done.returncode, out, err)


def start(*arguments: str | Path, **options: Any) -> subprocess.Popen[str]:
    """Start it, with pipes; Ctrl+C can be sent to it."""
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Where the tests run in the background, Ctrl+C may be switched off.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
        **options,
    )


def run_on_terminal(*arguments: str | Path, output: Path | None = None) -> str:
    """What a terminal would show; the standard output may go to a file instead."""
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
    """The JSON objects of an output, one a line."""
    return [json.loads(line) for line in text.splitlines()]


def write_dataset(folder: Path) -> Path:
    """Three red pictures of a mug and three blue ones of a cup."""
    for label, colors in SHADES.items():
        (folder / label).mkdir(parents=True)
        for number, color in enumerate(colors):
            (folder / label / f"{number}.png").write_bytes(plain(color))
    return folder


def taught(folder: Path, backbone: Path) -> Path:
    """A project that knows the mug from the cup; it is made with the library."""
    project = folder / "desk.db"
    with Classifier(project, backbone=backbone) as clf:
        clf.add_many(
            [(label, plain(color)) for label, colors in SHADES.items() for color in colors]
        )
    return project
