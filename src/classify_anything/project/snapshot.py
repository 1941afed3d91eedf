"""A project at one moment: an export is made of it, while the project goes on."""

from __future__ import annotations

from dataclasses import dataclass

from classify_anything.backbones import Backbone
from classify_anything.errors import InputError
from classify_anything.evaluation.evaluate import TrainingSet
from classify_anything.heads.parameters import HeadParameters
from classify_anything.project.model import ProjectModel
from classify_anything.project.project import Project
from classify_anything.types import Class, Example


@dataclass(frozen=True, slots=True)
class ProjectSnapshot:
    """All that a project was.

    Attributes:
        project: its name.
        uid: what tells it from all others.
        revision: of the project.
        backbone: what it saw with.
        classes: in their order.
        examples: oldest first.
        lesson: the same, as a head learns them.
        head: what decided, as plain numbers.
        knowledge: a copy of what was learnt, which no later change reaches.
    """

    project: str
    uid: str
    revision: int
    backbone: Backbone
    classes: tuple[Class, ...]
    examples: tuple[Example, ...]
    training_set: TrainingSet
    head: HeadParameters
    knowledge: ProjectModel


def take_snapshot(project: Project) -> ProjectSnapshot:
    """What a project is now.

    Raises:
        InputError: fewer than two classes have examples.
        SettingError: the head was given to ``Classifier``, and cannot be frozen.
    """
    revision = -1
    while revision != project.revision:
        # Another process may write in between.
        revision = project.revision
        training_set = project.training_set()
        if len(set(training_set.class_ids)) < 2:
            raise InputError("There is nothing to tell apart yet: add examples of two classes.")
        head, examples = project.freeze(), tuple(project.examples()[::-1])
        knowledge = project.knowledge()
    return ProjectSnapshot(
        project=project.path.stem,
        uid=project.uid,
        revision=revision,
        backbone=project.backbone,
        classes=tuple(knowledge.classes.values()),
        examples=examples,
        training_set=training_set,
        head=head,
        knowledge=knowledge,
    )
