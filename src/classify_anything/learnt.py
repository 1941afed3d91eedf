"""Takes all that a project has learnt out of it, at one moment."""

from __future__ import annotations

from classify_anything.errors import InputError
from classify_anything.formats import Learnt, probe_picture
from classify_anything.project import Project


def learnt(project: Project) -> Learnt:
    """What it takes to decide as the project does.

    Raises:
        InputError: fewer than two classes have examples.
        SettingError: the head was given to ``Classifier``, and cannot be frozen.
    """
    lesson, examples = project.lesson(), project.examples()[::-1]
    if len(set(lesson.class_ids)) < 2:
        raise InputError("Fewer than two classes have examples: there is nothing to tell apart.")
    backbone = project.backbone
    return Learnt(
        project=project.path.stem,
        uid=project.uid,
        revision=project.revision,
        backbone={
            "name": backbone.name,
            "fingerprint": backbone.fingerprint,
            "size": backbone.size,
            "dimension": backbone.dimension,
        },
        classes=project.classes(),
        examples=examples,
        vectors=lesson.vectors,
        head=project.freeze(),
        strictness=project.settings.strictness,
        familiar=project.familiar(),
        probe=backbone.embed(probe_picture(backbone.size)[None])[0],
    )
