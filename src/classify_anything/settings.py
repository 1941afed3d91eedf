"""Options, declared once for the command line, the environment and the docs."""

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
"""The default smoothing time of predictions on the page."""
MOST_SMOOTHING_MS: int = CONSTANTS["smoothing"]["max_ms"]


@dataclass(frozen=True, slots=True)
class Option:
    """An option of the command line, and the environment variable that sets it."""

    flag: str
    help: str
    env: str | None = None
    short: str | None = None


# --- the page
HOST = Option(
    "--host",
    "Address to listen on. Access from other machines requires the token in the printed address.",
    "CLASSIFY_ANYTHING_HOST",
)
PORT = Option("--port", "Port to listen on (0: any free port).", "CLASSIFY_ANYTHING_PORT")
OPEN = Option("--open/--no-open", "Open the page in the browser.", "CLASSIFY_ANYTHING_OPEN")
TOKEN = Option(
    "--token",
    "Token for access from other machines (default: a new one at each start).",
    "CLASSIFY_ANYTHING_TOKEN",
)

# --- every command
PROJECT = Option(
    "--project",
    "Project file (default: your own, in your data folder).",
    "CLASSIFY_ANYTHING_PROJECT",
    "-p",
)
BACKBONE = Option(
    "--backbone",
    "Backbone name, or path to an .onnx or .tflite file. Append @int8 for a faster, quantized "
    "version.",
    "CLASSIFY_ANYTHING_BACKBONE",
)
PROVIDER = Option(
    "--provider",
    "Hardware to run the backbone on: cpu, cuda, tensorrt, coreml, directml, openvino, or auto "
    "for the fastest with the same results.",
    "CLASSIFY_ANYTHING_PROVIDER",
)

# --- input
LABEL = Option("--label", "Use this class for every image instead of its folder name.")
FPS = Option("--fps", "Frames per second to extract from videos.")
FROM = Option("--from", "Start time in videos, in seconds or as 1:30.")
TO = Option("--to", "End time in videos, in seconds or as 2:00.")
WATCH_FPS = Option("--fps", "Maximum frames per second.")
EXISTING = Option("--existing", "Also predict images already in the folder.")

# --- output
JSON = Option("--json", "Print JSON, one object per line.")
CSV = Option("--csv", "Print CSV with a header row.")
CLASS = Option("--class", "Only list examples of this class.")
SOURCE = Option("--source", 'Only list examples from this source, such as "camera" or "import".')
FORMAT = Option(
    "--format",
    "zip, folder, onnx, web or tfjs-knn (default: chosen from the file extension).",
)
PRECISION = Option(
    "--precision",
    "Precision of the backbone in an ONNX file or a web page: fp32, fp16 (half the size) or int8 "
    "(a quarter; faster on a CPU, slower in a browser). The accuracy loss is reported.",
)
ANY_SIZE = Option(
    "--any-size", "Make the ONNX file accept images of any size, and crop and scale them itself."
)
SMOOTHING = Option(
    "--smoothing",
    f"Smoothing time in milliseconds when the ONNX file is served (default: {USUAL_SMOOTHING_MS}).",
)
MOST = Option("--most", "Maximum number of images to compare (default: 300).")
READ_ONLY = Option("--read-only", "Make the web page read-only: it predicts, but does not learn.")
EMBED = Option("--embed", "Add an element that shows the web page inside other pages.")
EXPORT = Option(
    "--export", "Serve this exported ONNX file instead of a project. It cannot be changed."
)
TEST = Option(
    "--test",
    "Evaluate on this folder (one sub-folder per class) instead of the project's own examples.",
)
HEAD = Option("--head", "Head to evaluate: adaptive or classic (default: the head in use).")
FORCE = Option("--force", "Overwrite an existing file or export.")
ON_CHANGE = Option(
    "--on-change",
    "Command to run when the label changes; the label is appended as the last argument.",
)
CHANGES_ONLY = Option("--changes-only", "Print a line only when the label changes.")

# --- backbones
MEASURE = Option("--measure", "Measure the speed of the backbones on this machine, a second each.")

CACHE_VARIABLE = "CLASSIFY_ANYTHING_CACHE"
"""The folder for downloaded and compiled backbones, instead of the user's cache folder."""

QUIET_VARIABLE = "CLASSIFY_ANYTHING_QUIET"
"""Hides the output of native libraries, by redirecting the standard error while they start."""

LABEL_VARIABLE = "CLASSIFY_ANYTHING_LABEL"
PROBABILITY_VARIABLE = "CLASSIFY_ANYTHING_PROBABILITY"
"""Passed to the command of ``--on-change``."""

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 7654


def cache_folder() -> Path:
    """Return the folder for downloaded and compiled backbones, which may not exist yet."""
    named = os.environ.get(CACHE_VARIABLE)
    return Path(named or platformdirs.user_cache_dir(APP, appauthor=False)) / "backbones"


def default_project() -> Path:
    """Return the default project, in the user's data folder."""
    return Path(platformdirs.user_data_dir(APP, appauthor=False)) / "project.db"
