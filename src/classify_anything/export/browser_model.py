"""Build the model that an exported page predicts with and continues to train."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from classify_anything.backbones.views import MOST_IN_BROWSER
from classify_anything.evaluation.evaluate import TrainingSet
from classify_anything.export.formats.model_file import BrowserModel
from classify_anything.export.formats.probe import probe_picture
from classify_anything.heads.neighbors import sample_evenly
from classify_anything.project.snapshot import ProjectSnapshot


def to_browser_model(snapshot: ProjectSnapshot) -> BrowserModel:
    """Return the browser model of a project."""
    backbone, model = snapshot.backbone, snapshot.model
    return BrowserModel(
        project=snapshot.path.stem,
        uid=snapshot.uid,
        revision=snapshot.revision,
        backbone={
            "name": backbone.name,
            "fingerprint": backbone.fingerprint,
            "size": backbone.size,
            "dimension": backbone.dimension,
            "precision": "fp32",
        },
        classes=snapshot.classes,
        examples=snapshot.examples,
        vectors=snapshot.training_set.vectors,
        head=snapshot.head,
        rejection_level=model.settings.rejection_level,
        reference_scores=model.reference_scores(),
        probe=backbone.embed(probe_picture(backbone.size)[None])[0],
        views=_some_views(snapshot.training_set) if snapshot.head.name == "adaptive" else {},
    )


def _some_views(training_set: TrainingSet) -> dict[int, npt.NDArray[np.floating]]:
    """Return the views that a page fits its metric to, by example id."""
    class_of = dict(zip(training_set.keys, training_set.class_ids, strict=True))
    ids = sorted(training_set.views)
    chosen = sample_evenly(np.array([class_of[id_] for id_ in ids]), MOST_IN_BROWSER)
    return {id_: training_set.views[id_] for id_ in np.array(ids)[chosen].tolist()}
