"""What a page needs of a project to decide as it does, and to go on learning."""

from __future__ import annotations

from classify_anything.export.formats.model_file import BrowserModel
from classify_anything.export.formats.probe import probe_picture
from classify_anything.project.snapshot import ProjectSnapshot


def learnt(moment: ProjectSnapshot) -> BrowserModel:
    """Put it together."""
    backbone, knowledge = moment.backbone, moment.knowledge
    rows, rank = knowledge.view_scatter()
    return BrowserModel(
        project=moment.project,
        uid=moment.uid,
        revision=moment.revision,
        backbone={
            "name": backbone.name,
            "fingerprint": backbone.fingerprint,
            "size": backbone.size,
            "dimension": backbone.dimension,
            "precision": "fp32",
        },
        classes=moment.classes,
        examples=moment.examples,
        vectors=moment.training_set.vectors,
        head=moment.head,
        strictness=knowledge.settings.strictness,
        familiar=knowledge.familiar(),
        probe=backbone.embed(probe_picture(backbone.size)[None])[0],
        view_rows=rows,
        view_rank=rank,
    )
