"""What the page and the server say to each other.

Every message is a Pydantic model tagged by ``type``. The page's TypeScript types are generated
from these models (``make types``), so a change here that the page does not follow fails the build.

A frame travels as one binary WebSocket message::

    uint32, little-endian   length of the header in bytes
    header                  UTF-8 JSON: PredictFrame or AddFrame
    the rest                the picture: JPEG, PNG or WebP bytes

All other messages are JSON text.
"""

from __future__ import annotations

import struct
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from classify_anything.errors import InvalidMessageError
from classify_anything.settings import MOST_SMOOTHING_MS, USUAL_SMOOTHING_MS
from classify_anything.store import COLORS

HEADER_LENGTH = struct.Struct("<I")
MAX_HEADER_BYTES = 4096


Id = Annotated[int, Field(ge=0, lt=2**63)]


class Message(BaseModel):
    """Base of all messages: immutable; refuses unknown fields; reads the attributes of a value."""

    model_config = ConfigDict(extra="forbid", frozen=True, from_attributes=True)


# --- from the page ------------------------------------------------------------------------------


class PredictFrame(Message):
    """Header of a frame that asks: what is this?"""

    type: Literal["predict"]
    seq: Id = Field(description="Chosen by the page, returned in the answer.")


class AddFrame(Message):
    """Header of a frame that says: this is an example of that class.

    ``key`` names the example and ``recording`` the press it belongs to, both chosen by the page, so
    that a frame sent again after a lost connection is added only once.
    """

    type: Literal["add"]
    seq: Id = Field(description="Chosen by the page, returned in the answer.")
    class_id: Id
    recording: str = Field(min_length=1, max_length=64)
    key: str = Field(min_length=1, max_length=64)


Frame = Annotated[PredictFrame | AddFrame, Field(discriminator="type")]
_FRAME: TypeAdapter[PredictFrame | AddFrame] = TypeAdapter(Frame)


# --- from the server ----------------------------------------------------------------------------


class NeighborInfo(Message):
    """One of the examples that decided a prediction."""

    example_id: int
    class_id: int
    similarity: float = Field(description="Cosine similarity, at most 1.")


class PredictionInfo(Message):
    """What the classifier says of one picture.

    ``class_id`` and ``label`` are null while nothing is learnt, and for "none of these".
    """

    class_id: int | None
    label: str | None
    probability: float = Field(ge=0, le=1)
    probabilities: dict[int, float] = Field(description="Of each class that has examples, by id.")
    typicality: float = Field(
        ge=0, le=1, description="Share of the own examples that are less clearly of a class."
    )
    neighbors: list[NeighborInfo]


class Timings(Message):
    """Where the time of one frame went, in milliseconds."""

    queue: float
    decode: float
    backbone: float
    head: float
    store: float


class Answer(Message):
    """The reply to one frame. An added frame is predicted first, then added."""

    type: Literal["answer"] = "answer"
    seq: int
    revision: int
    prediction: PredictionInfo
    example_id: int | None = Field(description="The example added, if the frame was to be added.")
    change: int | None = Field(description="The change to undo to take the whole recording back.")
    timings: Timings


class ClassInfo(Message):
    """A class as the page shows it."""

    id: int
    name: str
    color: int = Field(
        ge=0, le=COLORS - 1, description="Index into the palette of eight class colours."
    )
    examples: int
    latest: list[int] = Field(description="Ids of its newest examples, newest first, at most 12.")


class ChangeInfo(Message):
    """A change that can be undone or redone, in words."""

    id: int
    text: str


class SettingsInfo(Message):
    """How the project decides."""

    head: Literal["adaptive", "classic"]
    rejection_level: float = Field(ge=0, le=1)


class VariationsInfo(Message):
    """How far the making of altered copies of examples is, in examples."""

    done: int
    total: int


class State(Message):
    """The whole project in short; sent on connecting and after every change."""

    type: Literal["state"] = "state"
    revision: int
    project: str
    backbone: str
    version: str
    image_size: int = Field(description="The side of the squares that the backbone sees, pixels.")
    settings: SettingsInfo
    classes: list[ClassInfo]
    undo: ChangeInfo | None
    redo: ChangeInfo | None
    notice: str = Field(description="What is out of order, for people; mostly empty.")
    read_only: bool = Field(description="It only answers: nothing can be added or changed.")
    smoothing: int | None = Field(
        default=None,
        description="Milliseconds in which an answer settles; null: as the page likes.",
    )
    variations: VariationsInfo | None = Field(
        default=None, description="Altered copies of examples that are being made; null: none."
    )
    run: str = Field(description="Of the server: in the next one an id may mean another example.")


class ErrorDetail(Message):
    """What went wrong: ``code`` for programs, ``message`` for people."""

    code: str
    message: str


class ErrorReply(Message):
    """The one shape of every error, over the socket (with ``seq``) and over HTTP."""

    type: Literal["error"] = "error"
    seq: int | None
    error: ErrorDetail

    @classmethod
    def of(cls, code: str, message: str, seq: int | None = None) -> Self:
        """Make one."""
        return cls(seq=seq, error=ErrorDetail(code=code, message=message))


# --- over HTTP ----------------------------------------------------------------------------------


class NewClass(Message):
    """Body of ``POST /api/classes``; without a name the next free "Class N" is taken."""

    name: str | None = None


class ClassEdit(Message):
    """Body of ``PATCH /api/classes/{id}``; what is absent stays."""

    name: str | None = None
    color: int | None = Field(default=None, ge=0, le=COLORS - 1)


class SettingsEdit(Message):
    """Body of ``PATCH /api/settings``; what is absent stays."""

    head: Literal["adaptive", "classic"] | None = None
    rejection_level: float | None = Field(default=None, ge=0, le=1)


class ClassAccuracyInfo(Message):
    """How often the examples of a class were recognised; null if none could be judged."""

    class_id: int
    accuracy: float | None
    interval: tuple[float, float] | None = Field(description="95 %; a recording is one trial.")
    examples: int = Field(description="That were judged: the only example of a class is not.")
    recordings: int
    single_recording: bool = Field(description="All of one recording, so the number is too good.")


class OutcomeInfo(Message):
    """What was said of one example without its recording."""

    example_id: int
    class_id: int
    predicted: int
    probability: float


class EvaluationInfo(Message):
    """How good a head is on the project's own examples.

    ``confusion[i][j]`` counts the examples of class i that were taken for class j, in the order of
    ``class_ids``.
    """

    revision: int
    head: str
    accuracy: float
    interval: tuple[float, float]
    calibration_error: float
    class_ids: list[int]
    per_class: list[ClassAccuracyInfo]
    confusion: list[list[int]]
    outcomes: list[OutcomeInfo]


class AdviceInfo(Message):
    """One suggestion: ``kind`` for programs, ``text`` for people, and what it is about."""

    kind: Literal["few", "one_recording", "confused", "mislabelled"]
    text: str
    class_ids: list[int]
    example_ids: list[int]


class Report(Message):
    """``GET /api/evaluation``: the accuracy of the head in use, and what would help."""

    evaluation: EvaluationInfo
    advice: list[AdviceInfo]


class ExampleMap(Message):
    """Where each example lies in the plane: near ones look alike. Columns of equal length."""

    ids: list[int]
    class_ids: list[int]
    x: list[float]
    y: list[float]


class UndoRequest(Message):
    """Body of ``POST /api/undo`` and ``/api/redo``.

    With ``change`` it is done only if that is still the change in turn (else 409, ``conflict``).
    """

    change: Id | None = None


class ExampleInfo(Message):
    """One example, without its picture (``GET /api/examples/{id}/image``)."""

    id: int
    class_id: int
    recording_id: int
    width: int
    height: int
    created_at: datetime = Field(description="ISO 8601, UTC.")
    source: str


class AddedExample(ExampleInfo):
    """An example that was just added."""

    change: int = Field(description="The change to undo to take the whole recording back.")


class ExamplePage(Message):
    """Some examples of one class, newest first; ``next`` is the id to pass as ``before``."""

    examples: list[ExampleInfo]
    next: int | None


class ExampleIndex(Message):
    """All examples as columns of equal length, newest first.

    ``sources`` are places in ``source_names``; ``created_at`` is in seconds since 1970.
    """

    revision: int
    ids: list[int]
    class_ids: list[int]
    recording_ids: list[int]
    sources: list[int]
    source_names: list[str]
    created_at: list[int]


class Neighbors(Message):
    """The examples most like one, nearest first."""

    neighbors: list[NeighborInfo]


class ExampleIds(Message):
    """Body of ``POST /api/examples/remove``."""

    ids: list[Id] = Field(min_length=1)


class ExampleMove(Message):
    """Body of ``POST /api/examples/move``: the examples, and the class they are to have."""

    ids: list[Id] = Field(min_length=1)
    class_id: Id


class ImportStart(Message):
    """Body of ``POST /api/imports/{id}/start``; ``label`` is the class of all that was sent.

    Without it, a picture's class is the folder or the zip it lies in. The rest is of videos.
    """

    label: str | None = None
    fps: float = Field(default=5, gt=0, le=1000, description="Frames a second.")
    start: float = Field(default=0, ge=0, description="Seconds from the beginning.")
    end: float | None = Field(default=None, gt=0, description="Seconds; null: to the last frame.")


class ProblemInfo(Message):
    """Something that an import left out, and why."""

    name: str
    message: str
    code: str


class ImportInfo(Message):
    """How far an import is. ``change`` undoes it; ``problems`` are the first 100 of them."""

    id: str
    status: Literal["uploading", "running", "done", "cancelled", "failed"]
    done: int
    total: int | None = Field(description="Null while only reading tells, as of a video.")
    added: int
    known: int = Field(description="Already there: the same bytes in the same class.")
    problem_count: int
    problems: list[ProblemInfo]
    change: int | None
    error: ErrorDetail | None = Field(description="Why it failed.")


class ExportRequest(Message):
    """Body of ``POST /api/exports``; what does not belong to the format is refused."""

    format: Literal["onnx", "web", "zip", "tfjs-knn"]
    precision: Literal["fp32", "fp16", "int8"] = "fp32"
    any_size: bool = Field(default=False, description="Of onnx: takes pictures of any size.")
    smoothing: int = Field(
        default=USUAL_SMOOTHING_MS,
        ge=0,
        le=MOST_SMOOTHING_MS,
        description="Of onnx: milliseconds in which an answer settles where the file is served.",
    )
    read_only: bool = Field(default=False, description="Of web: the page only answers.")
    embed: bool = Field(default=False, description="Of web: with an element for other pages.")


class ExportInfo(Message):
    """How far an export is; once it is done, ``GET /api/exports/{id}/file`` gives it."""

    id: str
    status: Literal["running", "done", "cancelled", "failed"]
    text: str = Field(description="What is being done, in words.")
    done: int
    total: int | None
    name: str = Field(description="Of the file.")
    bytes: int | None = Field(description="Its size, once it is done.")
    notes: list[str] = Field(description="What was found out on the way, such as a check.")
    threshold: float | None = Field(
        description='Of an ONNX file: it is "none of these" where similarity is not above it.'
    )
    error: ErrorDetail | None


class ExportSizes(Message):
    """``GET /api/exports``: about how many bytes each format would have now."""

    bytes: dict[str, int]


class LayerInfo(Message):
    """A layer of the backbone that multiplies by learnt weights."""

    kind: Literal["standard", "depthwise", "pointwise", "dense"]
    kernel: int
    channels: tuple[int, int] = Field(description="In and out.")
    size: tuple[int, int] = Field(description="Height and width of its output.")
    multiply_adds: int
    parameters: int
    standard: int = Field(
        description="What it, with the pointwise layer that follows, would take as one standard "
        "convolution; 0 for that pointwise layer."
    )
    milliseconds: float | None = Field(description="On this machine, on one thread.")


class LayersInfo(Message):
    """``GET /api/backbone/layers``: the backbone, layer by layer."""

    name: str
    size: int = Field(description="The side of the images it sees, in pixels.")
    dimension: int
    layers: list[LayerInfo]


class BackboneInfo(Message):
    """A backbone that the project could use.

    Accuracy and interval, on the project's own examples, are known once it was compared.
    """

    name: str = Field(description="As ``POST /api/backbones`` takes it: of the list, or a file.")
    title: str = Field(description="What people call it.")
    here: bool = Field(description="Whether it is on this machine.")
    used: bool
    license: str
    dimension: int = Field(description="Of an embedding; 0 where it is not known, as below.")
    parameters: float = Field(description="In millions.")
    multiply_adds: float = Field(description="For one image, in billions.")
    top1: float = Field(description="Published ImageNet top-1 accuracy, in percent.")
    judged: str = Field(
        description="How that was found, where it was not a classifier trained as a whole."
    )
    milliseconds: float | None = Field(description="For one image on this machine, if measured.")
    accuracy: float | None
    interval: tuple[float, float] | None
    current: bool = Field(
        description="Whether the accuracy is of the examples as they are now, and not of before."
    )


class BackboneWork(Message):
    """What is being done with backbones, and how far it is."""

    name: str
    text: str
    done: int
    total: int | None
    status: Literal["running", "done", "cancelled", "failed"]
    error: ErrorDetail | None


class BackbonesInfo(Message):
    """``GET /api/backbones``: all that are known, and the work under way or done last."""

    backbones: list[BackboneInfo]
    work: BackboneWork | None


class BackboneChoice(Message):
    """Body of ``POST /api/backbones``: compare these, or, if ``use``, decide with the only one."""

    names: list[str] = Field(min_length=1)
    use: bool = False


class Health(Message):
    """``GET /healthz``."""

    status: Literal["ok"] = "ok"
    version: str
    errors: dict[str, str]


def parse_frame(data: bytes) -> tuple[PredictFrame | AddFrame, bytes]:
    """Split a binary message into its header and its picture.

    Raises:
        InvalidMessageError: it is cut short, its header is too long, or not one of the frames.
    """
    if len(data) < HEADER_LENGTH.size:
        raise InvalidMessageError("A frame must start with the 4-byte length of its header.")
    (length,) = HEADER_LENGTH.unpack_from(data)
    start = HEADER_LENGTH.size
    if length > MAX_HEADER_BYTES or start + length > len(data):
        raise InvalidMessageError(
            f"The frame's header claims {length} bytes; it may have at most {MAX_HEADER_BYTES} "
            f"and the message has {len(data) - start}."
        )
    try:
        header = _FRAME.validate_json(data[start : start + length])
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "header"
        raise InvalidMessageError(
            f"The frame's header is not valid: {where}: {first['msg']}."
        ) from error
    return header, data[start + length :]
