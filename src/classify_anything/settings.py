"""Every option, declared once: the command line, the environment and the docs come from it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from classify_anything.constants import CONSTANTS

APP = "classify-anything"
STARTING_CLASSES = ("Class 1", "Class 2", "Class 3", "Class 4", "Class 5")
LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")

USUAL_SMOOTHING_MS: int = CONSTANTS["smoothing"]["default_ms"]
"""How long an answer takes to settle on the page by default."""
MOST_SMOOTHING_MS: int = CONSTANTS["smoothing"]["max_ms"]


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
    "The network that sees: a name, or an .onnx or .tflite file; with @int8 at its end, quicker.",
    "CLASSIFY_ANYTHING_BACKBONE",
)
PROVIDER = Option(
    "--provider",
    "What runs the network: cpu, cuda, tensorrt, coreml, directml, openvino, or auto for the "
    "fastest that gives the same.",
    "CLASSIFY_ANYTHING_PROVIDER",
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
    "--format",
    "zip, folder, onnx, web or tfjs-knn. Without it: by the ending, .zip, .onnx, .json or none.",
)
PRECISION = Option(
    "--precision",
    "Of the network in an ONNX file or a web page: fp32, fp16 (half the size) or int8 (a quarter; "
    "quicker on a processor, slower in a browser). What accuracy it costs is told.",
)
ANY_SIZE = Option(
    "--any-size", "The ONNX file takes pictures of any size, and cuts and scales them itself."
)
SMOOTHING = Option(
    "--smoothing",
    f"Milliseconds over which the served ONNX file's answer settles "
    f"(default: {USUAL_SMOOTHING_MS}).",
)
MOST = Option("--most", "Compare so many pictures at most. By default 300.")
FROZEN = Option("--frozen", "The web page only answers, and does not learn.")
EMBED = Option("--embed", "With the web page comes an element that shows it in other pages.")
EXPORT = Option("--export", "An exported ONNX file to serve instead of a project; it only answers.")
TEST = Option("--test", "Pictures to judge, a folder per class, instead of the own examples.")
HEAD = Option("--head", "Head to evaluate: adaptive or classic (default: the head in use).")
FORCE = Option("--force", "Replace what is there under that name.")
ON_CHANGE = Option("--on-change", "A command to run when the label changes, with it at the end.")
CHANGES_ONLY = Option("--changes-only", "Print a line only when the label changes.")

# --- backbones
MEASURE = Option("--measure", "Measure the speed of those on this machine, a second each.")

CACHE_VARIABLE = "CLASSIFY_ANYTHING_CACHE"
"""Where fetched and compiled backbones are kept, instead of the user's cache folder."""

QUIET_VARIABLE = "CLASSIFY_ANYTHING_QUIET"
"""Hides what native libraries print, by redirecting the standard error while they start."""

LABEL_VARIABLE = "CLASSIFY_ANYTHING_LABEL"
PROBABILITY_VARIABLE = "CLASSIFY_ANYTHING_PROBABILITY"
"""What the command of ``--on-change`` is told, besides the label at its end."""

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 7654


def cache_folder() -> Path:
    """Where fetched and compiled backbones are kept; it may not be there yet."""
    named = os.environ.get(CACHE_VARIABLE)
    return Path(named or platformdirs.user_cache_dir(APP, appauthor=False)) / "backbones"


def default_project() -> Path:
    """The project that opens when none is named: in the user's data folder."""
    return Path(platformdirs.user_data_dir(APP, appauthor=False)) / "project.db"
