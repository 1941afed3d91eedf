"""A project at one revision, for work on other threads while the project stays in use."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

from classify_anything.backbones import Backbone
from classify_anything.errors import InputError
from classify_anything.evaluation.evaluate import TrainingSet
from classify_anything.heads.parameters import HeadParameters
from classify_anything.project.model import ProjectModel
from classify_anything.project.project import Project
from classify_anything.store import Reader
from classify_anything.types import Class, Example


@dataclass(frozen=True)
class ProjectSnapshot:
    """A project at one revision; later changes do not affect it.

    Any one thread may use it at a time. It holds its own connection to the project file: close
    it, or use ``with``.

    Attributes:
        uid: distinguishes the project from all others.
        revision: of the project.
        backbone: the one in use.
        model: a copy.
        reader: reads the file as it was.
    """

    uid: str
    revision: int
    backbone: Backbone
    model: ProjectModel
    reader: Reader

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection to the project file."""
        self.reader.close()

    @property
    def path(self) -> Path:
        """The project file."""
        return self.reader.path

    @property
    def classes(self) -> tuple[Class, ...]:
        """The classes, in their order."""
        return tuple(self.model.classes.values())

    @cached_property
    def examples(self) -> tuple[Example, ...]:
        """The examples, oldest first."""
        return self.reader.examples()

    @cached_property
    def training_set(self) -> TrainingSet:
        """All examples, to fit or evaluate a head. Raises InputError without two classes."""
        training_set = self.model.training_set()
        if len(set(training_set.class_ids)) < 2:
            raise InputError("Add examples of at least two classes first.")
        return training_set

    @cached_property
    def head(self) -> HeadParameters:
        """The head as plain numbers. Raises SettingError for a head that cannot be exported."""
        return self.model.freeze()

    def image(self, example_id: int) -> bytes:
        """Return the image of an example as it was captured. Raises NotFoundError."""
        return self.reader.image(example_id)[0]


def take_snapshot(project: Project, *, settle: bool = True) -> ProjectSnapshot:
    """Take a snapshot, on the project's thread.

    Args:
        project: only missing views and a due fit are added.
        settle: whether to make missing views and fit the head first. A server does both in the
            background.
    """
    if settle:
        project.settle()
        project.model.refit()
    while True:
        reader = project.store.reader()
        if reader.revision == project.revision:  # another process may have written in between
            break
        reader.close()
    return ProjectSnapshot(
        uid=project.store.uid(),
        revision=reader.revision,
        backbone=project.backbone,
        model=copy.deepcopy(project.model),
        reader=reader,
    )
