"""Every option, declared once: the command line, the environment and the docs come from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import platformdirs

APP = "classify-anything"
STARTING_CLASSES = ("Class 1", "Class 2", "Class 3", "Class 4", "Class 5")
LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Option:
    """An option of the command line; ``env`` sets it as well."""

    flag: str
    env: str
    help: str


HOST = Option(
    "--host",
    "CLASSIFY_ANYTHING_HOST",
    "Address to listen on. Any but this machine's own needs the token in the printed address.",
)
PORT = Option("--port", "CLASSIFY_ANYTHING_PORT", "Port to listen on; 0 takes any free one.")
OPEN = Option("--open/--no-open", "CLASSIFY_ANYTHING_OPEN", "Open the page in the browser.")
BACKBONE = Option(
    "--backbone",
    "CLASSIFY_ANYTHING_BACKBONE",
    "The network that sees: a name, or an .onnx file.",
)
TOKEN = Option(
    "--token",
    "CLASSIFY_ANYTHING_TOKEN",
    "The token that other machines must give; by default a new one at each start.",
)
OPTIONS = (HOST, PORT, OPEN, BACKBONE, TOKEN)

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 7654


def default_project() -> Path:
    """The project that opens when none is named: in the user's data folder."""
    return Path(platformdirs.user_data_dir(APP, appauthor=False)) / "project.db"
