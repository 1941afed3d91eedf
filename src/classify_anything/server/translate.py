"""Convert the project's values to messages."""

from __future__ import annotations

from classify_anything._version import __version__
from classify_anything.constants import CONSTANTS
from classify_anything.evaluation.advice import advise
from classify_anything.evaluation.evaluate import Evaluation, TrainingSet, plane
from classify_anything.export.onnx_model import Exported
from classify_anything.project.project import Project
from classify_anything.server.backend import SERVER_RUN_ID
from classify_anything.server.messages import (
    AdviceInfo,
    ChangeInfo,
    ClassAccuracyInfo,
    ClassInfo,
    EvaluationInfo,
    ExampleIndex,
    ExampleMap,
    NeighborInfo,
    OutcomeInfo,
    PredictionInfo,
    Report,
    SettingsInfo,
    State,
)
from classify_anything.types import Class, Prediction

_LATEST: int = CONSTANTS["classes"]["latest_examples"]


def to_state(project: Project) -> State:
    """Return a summary of the project."""
    undo, redo = project.store.next_undo(), project.store.next_redo()
    return State(
        classes=[to_class(project, item) for item in project.classes()],
        revision=project.revision,
        project=project.path.stem,
        backbone=project.backbone.name,
        version=__version__,
        image_size=project.backbone.size,
        settings=SettingsInfo.model_validate(project.settings),
        undo=ChangeInfo.model_validate(undo) if undo else None,
        redo=ChangeInfo.model_validate(redo) if redo else None,
        notice=project.notice,
        read_only=False,
        run=SERVER_RUN_ID,
    )


def to_report(now: Evaluation, training_set: TrainingSet, revision: int) -> Report:
    """Return an evaluation as a message, with advice."""
    ids = list(training_set.labels)
    advice = advise(now, training_set.counts)
    return Report(
        evaluation=EvaluationInfo(
            revision=revision,
            head=now.head,
            accuracy=now.accuracy,
            interval=now.interval,
            calibration_error=now.calibration_error,
            class_ids=ids,
            per_class=[
                ClassAccuracyInfo(
                    class_id=class_id,
                    accuracy=item.accuracy,
                    interval=item.interval,
                    examples=item.examples,
                    recordings=item.recordings,
                    single_recording=item.single_recording,
                )
                for class_id, item in zip(ids, now.per_class, strict=True)
            ],
            confusion=[list(row) for row in now.confusion],
            outcomes=[OutcomeInfo.model_validate(one) for one in now.outcomes],
        ),
        advice=[AdviceInfo.model_validate(one) for one in advice],
    )


def to_map(training_set: TrainingSet) -> ExampleMap:
    """Return the 2-D map of the examples."""
    places = plane(training_set.vectors)
    return ExampleMap(
        ids=list(training_set.keys),
        class_ids=list(training_set.class_ids),
        x=places[:, 0].round(4).tolist(),
        y=places[:, 1].round(4).tolist(),
    )


def to_class(project: Project, item: Class) -> ClassInfo:
    """Return a class with its count and newest examples."""
    return ClassInfo(
        id=item.id,
        name=item.name,
        color=item.color,
        examples=project.count(item.id),
        latest=project.latest(item.id, _LATEST),
    )


def to_prediction(project: Project | Exported, prediction: Prediction) -> PredictionInfo:
    """Return a prediction with probabilities by class id."""
    ids = {name: class_id for class_id, name in project.labels.items()}
    return PredictionInfo(
        class_id=prediction.class_id,
        label=prediction.label,
        probability=prediction.probability,
        probabilities={ids[label]: p for label, p in prediction.probabilities.items()},
        typicality=prediction.typicality,
        neighbors=[NeighborInfo.model_validate(one) for one in prediction.neighbors],
    )


def to_index(project: Project) -> ExampleIndex:
    """Return all examples as columns."""
    index = project.store.index()
    names = list(dict.fromkeys(index.sources))
    places = {name: place for place, name in enumerate(names)}
    return ExampleIndex(
        revision=project.revision,
        ids=list(index.ids),
        class_ids=list(index.class_ids),
        recording_ids=list(index.recording_ids),
        sources=[places[source] for source in index.sources],
        source_names=names,
        created_at=list(index.created_at),
    )
