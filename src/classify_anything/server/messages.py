"""Messages between the page and the server.

Every message is a Pydantic model tagged by ``type``. The page's TypeScript types are generated
from these models (``make types``), so a change here that breaks the page fails the build.

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
    """Base of all messages: immutable, rejects unknown fields, readable from attributes."""

    model_config = ConfigDict(extra="forbid", frozen=True, from_attributes=True)


# --- from the page ------------------------------------------------------------------------------


class PredictFrame(Message):
    """Header of a frame to classify."""

    type: Literal["predict"]
    seq: Id = Field(description="Chosen by the page, returned in the answer.")


class AddFrame(Message):
    """Header of a frame to add as an example of a class.

    The page chooses ``key`` for the example and ``recording`` for the button press, so that a frame
    resent after a lost connection is added only once.
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
    """One of the examples that a prediction is based on."""

    example_id: int
    class_id: int
    similarity: float = Field(description="Cosine similarity, at most 1.")


class PredictionInfo(Message):
    """The classification of one picture.

    ``class_id`` and ``label`` are null if nothing is trained, and for "none of these".
    """

    class_id: int | None
    label: str | None
    probability: float = Field(ge=0, le=1)
    probabilities: dict[int, float] = Field(
        description="Probability of each class with examples, by id."
    )
    typicality: float = Field(
        ge=0,
        le=1,
        description="Share of the project's examples that are less typical of their class.",
    )
    neighbors: list[NeighborInfo]


class Timings(Message):
    """Time spent on one frame, in milliseconds."""

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
    example_id: int | None = Field(description="Id of the added example, if any.")
    change: int | None = Field(description="Undo this change to remove the whole recording.")
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
    """A change that can be undone or redone."""

    id: int
    text: str


class SettingsInfo(Message):
    """The settings of the classifier."""

    head: Literal["adaptive", "classic"]
    rejection_level: float = Field(ge=0, le=1)


class VariationsInfo(Message):
    """Progress of augmenting the examples, in examples."""

    done: int
    total: int


class State(Message):
    """Summary of the project; sent on connection and after every change."""

    type: Literal["state"] = "state"
    revision: int
    project: str
    backbone: str
    version: str
    image_size: int = Field(description="Side of the backbone's square input, in pixels.")
    settings: SettingsInfo
    classes: list[ClassInfo]
    undo: ChangeInfo | None
    redo: ChangeInfo | None
    notice: str = Field(description="Warning to show to the user; usually empty.")
    read_only: bool = Field(description="Whether changes are rejected.")
    smoothing: int | None = Field(
        default=None,
        description="Smoothing time in milliseconds; null: the page decides.",
    )
    variations: VariationsInfo | None = Field(
        default=None, description="Progress of augmentation; null if none is running."
    )
    run: str = Field(description="Id of this server run; example ids are unique only within it.")


class ErrorDetail(Message):
    """What went wrong: ``code`` for programs, ``message`` for people."""

    code: str
    message: str


class ErrorReply(Message):
    """Every error, over the socket (with ``seq``) and over HTTP."""

    type: Literal["error"] = "error"
    seq: int | None
    error: ErrorDetail

    @classmethod
    def of(cls, code: str, message: str, seq: int | None = None) -> Self:
        """Make one."""
        return cls(seq=seq, error=ErrorDetail(code=code, message=message))


# --- over HTTP ----------------------------------------------------------------------------------


class NewClass(Message):
    """Body of ``POST /api/classes``; ``name`` defaults to the next free "Class N"."""

    name: str | None = None


class ClassEdit(Message):
    """Body of ``PATCH /api/classes/{id}``; absent fields stay unchanged."""

    name: str | None = None
    color: int | None = Field(default=None, ge=0, le=COLORS - 1)


class SettingsEdit(Message):
    """Body of ``PATCH /api/settings``; absent fields stay unchanged."""

    head: Literal["adaptive", "classic"] | None = None
    rejection_level: float | None = Field(default=None, ge=0, le=1)


class ClassAccuracyInfo(Message):
    """Accuracy on the examples of a class; null if none could be evaluated."""

    class_id: int
    accuracy: float | None
    interval: tuple[float, float] | None = Field(
        description="95 % confidence interval; a recording is one trial."
    )
    examples: int = Field(description="Number evaluated; the only example of a class is not.")
    recordings: int
    single_recording: bool = Field(
        description="All examples are from one recording, so the accuracy is optimistic."
    )


class OutcomeInfo(Message):
    """The prediction for one example by a head trained without its recording."""

    example_id: int
    class_id: int
    predicted: int
    probability: float


class EvaluationInfo(Message):
    """Accuracy of a head on the project's own examples.

    ``confusion[i][j]`` counts the examples of class i predicted as class j, in the order of
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
    """One suggestion: ``kind`` for programs, ``text`` for people, with the ids concerned."""

    kind: Literal["few", "one_recording", "confused", "mislabelled"]
    text: str
    class_ids: list[int]
    example_ids: list[int]


class Report(Message):
    """``GET /api/evaluation``: the accuracy of the current head, and how to improve it."""

    evaluation: EvaluationInfo
    advice: list[AdviceInfo]


class ExampleMap(Message):
    """2-D map of the examples, similar ones near each other. Columns of equal length."""

    ids: list[int]
    class_ids: list[int]
    x: list[float]
    y: list[float]


class UndoRequest(Message):
    """Body of ``POST /api/undo`` and ``/api/redo``.

    With ``change``, fail with 409 (``conflict``) unless that change is next.
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

    change: int = Field(description="Undo this change to remove the whole recording.")


class ExamplePage(Message):
    """Some examples of one class, newest first; ``next`` is the id to pass as ``before``."""

    examples: list[ExampleInfo]
    next: int | None


class ExampleIndex(Message):
    """All examples as columns of equal length, newest first.

    ``sources`` are indices into ``source_names``; ``created_at`` is in seconds since 1970.
    """

    revision: int
    ids: list[int]
    class_ids: list[int]
    recording_ids: list[int]
    sources: list[int]
    source_names: list[str]
    created_at: list[int]


class Neighbors(Message):
    """The examples most similar to one, nearest first."""

    neighbors: list[NeighborInfo]


class ExampleIds(Message):
    """Body of ``POST /api/examples/remove``."""

    ids: list[Id] = Field(min_length=1)


class ExampleMove(Message):
    """Body of ``POST /api/examples/move``: the examples and their new class."""

    ids: list[Id] = Field(min_length=1)
    class_id: Id


class ImportStart(Message):
    """Body of ``POST /api/imports/{id}/start``; ``label`` is the class of every image.

    Without ``label``, the class is the name of the folder or zip. The other fields concern videos.
    """

    label: str | None = None
    fps: float = Field(default=5, gt=0, le=1000, description="Frames per second.")
    start: float = Field(default=0, ge=0, description="Seconds from the beginning.")
    end: float | None = Field(default=None, gt=0, description="Seconds; null: to the last frame.")


class ProblemInfo(Message):
    """A file that an import skipped, and why."""

    name: str
    message: str
    code: str


class ImportInfo(Message):
    """Progress of an import. Undo ``change`` to revert it; ``problems`` has the first 100."""

    id: str
    status: Literal["uploading", "running", "done", "cancelled", "failed"]
    done: int
    total: int | None = Field(description="Null while unknown, as for a video.")
    added: int
    known: int = Field(description="Duplicates skipped: same bytes, same class.")
    problem_count: int
    problems: list[ProblemInfo]
    change: int | None
    error: ErrorDetail | None = Field(description="Why it failed.")


class ExportRequest(Message):
    """Body of ``POST /api/exports``; options of other formats are rejected."""

    format: Literal["onnx", "web", "zip", "tfjs-knn"]
    precision: Literal["fp32", "fp16", "int8"] = "fp32"
    any_size: bool = Field(default=False, description="onnx: accept pictures of any size.")
    smoothing: int = Field(
        default=USUAL_SMOOTHING_MS,
        ge=0,
        le=MOST_SMOOTHING_MS,
        description="onnx: smoothing time in milliseconds when the file is served.",
    )
    read_only: bool = Field(default=False, description="web: the page only classifies.")
    embed: bool = Field(
        default=False, description="web: include an element to embed in other pages."
    )


class ExportInfo(Message):
    """Progress of an export; once done, ``GET /api/exports/{id}/file`` returns the file."""

    id: str
    status: Literal["running", "done", "cancelled", "failed"]
    text: str = Field(description="Current step, for people.")
    done: int
    total: int | None
    name: str = Field(description="File name.")
    bytes: int | None = Field(description="File size, once done.")
    notes: list[str] = Field(description="Remarks, such as the result of a check.")
    threshold: float | None = Field(
        description='ONNX only: similarities up to this threshold mean "none of these".'
    )
    error: ErrorDetail | None


class ExportSizes(Message):
    """``GET /api/exports``: estimated size of each format in bytes."""

    bytes: dict[str, int]


class LayerInfo(Message):
    """A layer of the backbone with trained weights."""

    kind: Literal["standard", "depthwise", "pointwise", "dense"]
    kernel: int
    channels: tuple[int, int] = Field(description="In and out.")
    size: tuple[int, int] = Field(description="Height and width of its output.")
    multiply_adds: int
    parameters: int
    standard: int = Field(
        description="Multiply-adds of one standard convolution in place of this layer and the "
        "pointwise layer that follows; 0 for that pointwise layer."
    )
    milliseconds: float | None = Field(description="Measured on this machine, on one thread.")


class LayersInfo(Message):
    """``GET /api/backbone/layers``: the backbone, layer by layer."""

    name: str
    size: int = Field(description="Side of the square input, in pixels.")
    dimension: int
    layers: list[LayerInfo]


class BackboneInfo(Message):
    """A backbone that the project could use.

    Accuracy and interval, on the project's own examples, are null until compared.
    """

    name: str = Field(description="Catalogue name or file, as ``POST /api/backbones`` expects it.")
    title: str = Field(description="Display name.")
    here: bool = Field(description="Whether it is available without a download.")
    used: bool
    license: str
    dimension: int = Field(description="Embedding dimension; here and below, 0 if unknown.")
    parameters: float = Field(description="In millions.")
    multiply_adds: float = Field(description="For one image, in billions.")
    top1: float = Field(description="Published ImageNet top-1 accuracy, in percent.")
    judged: str = Field(
        description="How ``top1`` was measured, unless by the fully trained classifier."
    )
    milliseconds: float | None = Field(description="For one image on this machine, if measured.")
    accuracy: float | None
    interval: tuple[float, float] | None
    current: bool = Field(description="Whether the accuracy was measured on the present examples.")


class BackboneWork(Message):
    """A comparison or change of backbones, and its progress."""

    name: str
    text: str
    done: int
    total: int | None
    status: Literal["running", "done", "cancelled", "failed"]
    error: ErrorDetail | None


class BackbonesInfo(Message):
    """``GET /api/backbones``: all known backbones, and the current or last job."""

    backbones: list[BackboneInfo]
    work: BackboneWork | None


class BackboneChoice(Message):
    """Body of ``POST /api/backbones``: compare these, or, with ``use``, change to the only one."""

    names: list[str] = Field(min_length=1)
    use: bool = False


class Health(Message):
    """``GET /healthz``."""

    status: Literal["ok"] = "ok"
    version: str
    errors: dict[str, str]


def parse_frame(data: bytes) -> tuple[PredictFrame | AddFrame, bytes]:
    """Split a binary message into header and picture.

    Raises:
        InvalidMessageError: the message is truncated, or its header is too long or invalid.
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
