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
    help: str
    env: str | None = None
    short: str | None = None


# --- the page
HOST = Option(
    "--host",
    "Address to listen on. Any but this machine's own needs the token in the printed address.",
    "CLASSIFY_ANYTHING_HOST",
)
PORT = Option("--port", "Port to listen on; 0 takes any free one.", "CLASSIFY_ANYTHING_PORT")
OPEN = Option("--open/--no-open", "Open the page in the browser.", "CLASSIFY_ANYTHING_OPEN")
TOKEN = Option(
    "--token",
    "The token that other machines must give; by default a new one at each start.",
    "CLASSIFY_ANYTHING_TOKEN",
)

# --- every command
PROJECT = Option(
    "--project",
    "The project file. Without one: your own, in your data folder.",
    "CLASSIFY_ANYTHING_PROJECT",
    "-p",
)
BACKBONE = Option(
    "--backbone",
    "The network that sees: a name, or an .onnx file.",
    "CLASSIFY_ANYTHING_BACKBONE",
)

# --- what goes in
LABEL = Option("--label", "The class of all of them, instead of the folder each lies in.")
FPS = Option("--fps", "Frames a second that are taken of a video.")
FROM = Option("--from", "Where to begin in a video: seconds, or 1:30.")
TO = Option("--to", "Where to end in a video: seconds, or 2:00.")
WATCH_FPS = Option("--fps", "Frames a second, at most.")
EXISTING = Option("--existing", "Predict the images that a folder has already, too.")

# --- what comes out
JSON = Option("--json", "JSON, one object a line.")
CSV = Option("--csv", "CSV, with a line of names.")
CLASS = Option("--class", "Only those of this class.")
SOURCE = Option("--source", 'Only those that came from there, such as "camera" or "import".')
FORMAT = Option(
    "--format", "zip, folder or tfjs-knn. Without it: by the ending, .zip, .json or none."
)
TEST = Option("--test", "Pictures to judge, a folder per class, instead of the own examples.")
HEAD = Option("--head", "The head to judge: knn, means or ridge. Without it: the one that decides.")
FORCE = Option("--force", "Replace what is there under that name.")
ON_CHANGE = Option("--on-change", "A command to run when the label changes, with it at the end.")
CHANGES_ONLY = Option("--changes-only", "Print a line only when the label changes.")

LABEL_VARIABLE = "CLASSIFY_ANYTHING_LABEL"
PROBABILITY_VARIABLE = "CLASSIFY_ANYTHING_PROBABILITY"
"""What the command of ``--on-change`` is told, besides the label at its end."""

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 7654


def default_project() -> Path:
    """The project that opens when none is named: in the user's data folder."""
    return Path(platformdirs.user_data_dir(APP, appauthor=False)) / "project.db"
