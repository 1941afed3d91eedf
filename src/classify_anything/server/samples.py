"""An example of each message and of each error, for the OpenAPI description."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from classify_anything._version import __version__
from classify_anything.server.messages import (
    AddedExample,
    AdviceInfo,
    BackboneChoice,
    BackboneInfo,
    BackbonesInfo,
    BackboneWork,
    ChangeInfo,
    ClassAccuracyInfo,
    ClassEdit,
    ClassInfo,
    ErrorReply,
    EvaluationInfo,
    ExampleIds,
    ExampleIndex,
    ExampleInfo,
    ExampleMap,
    ExampleMove,
    ExamplePage,
    ExportInfo,
    ExportRequest,
    ExportSizes,
    Health,
    ImportInfo,
    ImportStart,
    LayerInfo,
    LayersInfo,
    Message,
    NeighborInfo,
    Neighbors,
    NewClass,
    OutcomeInfo,
    PredictionInfo,
    ProblemInfo,
    Report,
    SettingsEdit,
    SettingsInfo,
    State,
    UndoRequest,
)

_MUG = ClassInfo(id=1, name="Mug", color=0, examples=2, latest=[8, 7])
_CHANGE = ChangeInfo(id=12, text="2 examples added to Mug")
_EXAMPLE = ExampleInfo(
    id=7,
    class_id=1,
    recording_id=3,
    width=640,
    height=480,
    created_at=datetime(2026, 11, 24, 9, 30, tzinfo=UTC),
    source="camera",
)
_NEIGHBOR = NeighborInfo(example_id=7, class_id=1, similarity=0.97)
_SAMPLES: tuple[Message, ...] = (
    Health(version=__version__, errors={}),
    _MUG,
    _EXAMPLE,
    AddedExample(**_EXAMPLE.model_dump(), change=12),
    State(
        revision=31,
        project="desk",
        backbone="efficientnet-lite0",
        version=__version__,
        image_size=224,
        settings=SettingsInfo(head="adaptive", rejection_level=0.05),
        classes=[_MUG],
        undo=_CHANGE,
        redo=None,
        notice="",
        read_only=False,
        run="9f2c41d07be8a653",
    ),
    PredictionInfo(
        class_id=1,
        label="Mug",
        probability=0.92,
        probabilities={1: 0.92, 2: 0.08},
        typicality=0.4,
        neighbors=[_NEIGHBOR],
    ),
    Neighbors(neighbors=[_NEIGHBOR]),
    ExamplePage(examples=[_EXAMPLE], next=None),
    ExampleIndex(
        revision=31,
        ids=[8, 7],
        class_ids=[1, 1],
        recording_ids=[3, 3],
        sources=[0, 0],
        source_names=["camera"],
        created_at=[1795512601, 1795512600],
    ),
    ImportInfo(
        id="9f2c4e1ab07d3358",
        status="done",
        done=3,
        total=3,
        added=1,
        known=1,
        problem_count=1,
        problems=[
            ProblemInfo(
                name="mugs/3.jpg", message="mugs/3.jpg: damaged or cut short.", code="bad_image"
            )
        ],
        change=12,
        error=None,
    ),
    NewClass(name="Mug"),
    ClassEdit(name="Cup", color=3),
    UndoRequest(change=12),
    ExampleIds(ids=[7, 8]),
    ExampleMove(ids=[7, 8], class_id=2),
    ImportStart(label="Mug"),
    SettingsEdit(head="adaptive", rejection_level=0.05),
    ExampleMap(ids=[7, 8], class_ids=[1, 1], x=[0.5, -1.0], y=[0.1, -0.1]),
    Report(
        evaluation=EvaluationInfo(
            revision=31,
            head="adaptive",
            accuracy=0.9,
            interval=(0.74, 0.97),
            calibration_error=0.05,
            class_ids=[1],
            per_class=[
                ClassAccuracyInfo(
                    class_id=1,
                    accuracy=0.9,
                    interval=(0.5, 1.0),
                    examples=2,
                    recordings=1,
                    single_recording=True,
                )
            ],
            confusion=[[2]],
            outcomes=[OutcomeInfo(example_id=7, class_id=1, predicted=1, probability=0.92)],
        ),
        advice=[
            AdviceInfo(
                kind="few",
                text="Mug has only 2 examples. Show more.",
                class_ids=[1],
                example_ids=[],
            )
        ],
    ),
    ExportRequest(format="web", embed=True),
    ExportInfo(
        id="5be81a4d22c97f60",
        status="done",
        text="Packing the page",
        done=0,
        total=None,
        name="desk-page.zip",
        bytes=17_890_214,
        notes=[],
        threshold=None,
        error=None,
    ),
    BackboneChoice(names=["efficientnet-lite0", "mobilenet-v2"]),
    BackbonesInfo(
        backbones=[
            BackboneInfo(
                name="efficientnet-lite0",
                title="efficientnet-lite0",
                here=True,
                used=True,
                license="Apache-2.0",
                dimension=1280,
                parameters=4.7,
                multiply_adds=0.39,
                top1=75.1,
                judged="",
                milliseconds=5.8,
                accuracy=0.95,
                interval=(0.8, 0.99),
                current=True,
            )
        ],
        work=BackboneWork(
            name="mobilenet-v2",
            text="Looking with mobilenet-v2",
            done=128,
            total=400,
            status="running",
            error=None,
        ),
    ),
    LayersInfo(
        name="efficientnet-lite0",
        size=224,
        dimension=1280,
        layers=[
            LayerInfo(
                kind="depthwise",
                kernel=3,
                channels=(32, 32),
                size=(112, 112),
                multiply_adds=3_612_672,
                parameters=320,
                standard=57_802_752,
                milliseconds=0.418,
            )
        ],
    ),
    ExportSizes(bytes={"web": 17_900_000, "onnx": 14_500_000, "zip": 2_100_000}),
)
_BY_NAME = {type(sample).__name__: sample.model_dump(mode="json") for sample in _SAMPLES}
_ERRORS = {
    HTTPStatus.BAD_REQUEST: ("bad_input", "body.name: Input should be a valid string."),
    HTTPStatus.FORBIDDEN: ("access_denied", "A page from another site may not use this server."),
    HTTPStatus.CONFLICT: ("conflict", "Something else was changed since; undo that first."),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ("too_large", "At most 64 MB can be sent at once."),
    HTTPStatus.INSUFFICIENT_STORAGE: ("store_full", "desk.db: the disk is full."),
    HTTPStatus.INTERNAL_SERVER_ERROR: (
        "error",
        "Internal error; see the terminal for details.",
    ),
}
_NOT_FOUND = {
    "{example_id}": "No example 7.",
    "{import_id}": "No import 9f2c4e1ab07d3358.",
    "{export_id}": "No export 5be81a4d22c97f60.",
    "": "No class 7.",
}


def add_samples(schema: dict[str, Any]) -> None:
    """Put an example into each body and each answer of an OpenAPI description."""
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            _add(operation.get("requestBody", {}))
            for status, response in operation["responses"].items():
                if int(status) < HTTPStatus.BAD_REQUEST:
                    _add(response)
                else:
                    response["content"]["application/json"]["example"] = _error(int(status), path)


def _add(described: dict[str, Any]) -> None:
    """Add the sample message to a JSON body or answer."""
    media = described.get("content", {}).get("application/json")
    if media is not None:
        media["example"] = _BY_NAME[media["schema"]["$ref"].rpartition("/")[2]]


def _error(status: int, path: str) -> dict[str, Any]:
    if status == HTTPStatus.NOT_FOUND:
        message = next(text for part, text in _NOT_FOUND.items() if part in path)
        return ErrorReply.of("not_found", message).model_dump(mode="json")
    return ErrorReply.of(*_ERRORS[HTTPStatus(status)]).model_dump(mode="json")
