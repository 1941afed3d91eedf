"""The model of a project: the head, the classes, and the examples of each class."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeGuard, cast

import numpy as np
import numpy.typing as npt

from classify_anything.errors import SettingError
from classify_anything.evaluation.evaluate import HEADS, TrainingSet, make_head
from classify_anything.heads import Decision, Head, KNeighborsHead
from classify_anything.heads.estimator import ClassifierEstimator
from classify_anything.heads.fitting import Fit, Sample
from classify_anything.heads.neighbors import REFIT_ALWAYS
from classify_anything.heads.parameters import HasParameters, HeadParameters
from classify_anything.project.example_index import ExampleIndex
from classify_anything.store import Snapshot
from classify_anything.types import Class, Float32Array, Neighbor, Prediction, Settings
from classify_anything.workers import one_blas_thread

_STALE = 0.2
"""Recompute the reference scores of a head that has no fit once this share of examples changed."""


@dataclass(frozen=True, slots=True)
class PendingFit:
    """What to fit a head with: ``adopt_fit(pending, *pending.fit())``.

    Attributes:
        head: what the fit is for.
        changes: how often the head had changed.
        fit: fits, and maps all examples by the new metric, on any thread.
    """

    head: Head
    changes: int
    fit: Callable[[], tuple[Fit, Float32Array | None]]


class ProjectModel:
    """A head and the classes, kept in step with the snapshots of a store.

    Args:
        head: what decides; without one, what the settings say.
    """

    def __init__(self, head: Head | None = None) -> None:
        self.classes: dict[int, Class] = {}
        self.members = ExampleIndex()
        self.settings = Settings()
        self.head_name = self.settings.head if head is None else "own"
        self._given = head is not None
        self._head = make_head(self.settings.head) if head is None else head
        self._refits = True
        self._compared_on = 0
        self._changes = 0
        self._reference_scores: Float32Array = np.empty(0, np.float32)

    def apply(self, snapshot: Snapshot, vectors: Float32Array) -> None:
        """Apply the changes of a snapshot; ``vectors``, [n, d], belong to the rows not removed."""
        stale = self.members if snapshot.complete else (row.example_id for row in snapshot.rows)
        for example_id in [id_ for id_ in stale if id_ in self.members]:
            self._head.remove([example_id])
            self.members.discard(example_id)
            self._changes += 1
        self.classes = {item.id: item for item in snapshot.classes}
        present = [row for row in snapshot.rows if not row.removed]
        self._head.partial_fit(
            vectors,
            [row.class_id for row in present],
            keys=[row.example_id for row in present],
            classes=list(self.classes),
            groups=[row.recording_id for row in present],
        )
        for row in present:
            self.members.add(row.example_id, row.class_id, row.recording_id)
        self._changes += len(present)
        self._follow(snapshot.settings)

    def learn_views(self, views: Mapping[int, npt.NDArray[np.floating]]) -> None:
        """Add the embeddings [v, d] of examples' views to an adaptive head, by key."""
        if isinstance(self._head, KNeighborsHead):
            self._head.add_views(views)

    def keep_views_of(self, keys: Iterable[int]) -> None:
        """Remove the views of all other examples."""
        if isinstance(self._head, KNeighborsHead):
            self._head.remove_views(set(self._head.views) - set(keys))

    def without_views(self, keys: Iterable[int]) -> list[int]:
        """Return the keys whose views the head lacks."""
        known = self._head.views if isinstance(self._head, KNeighborsHead) else {}
        return [key for key in keys if key not in known]

    def training_set(self) -> TrainingSet:
        """Return the examples of the head, to fit another one."""
        keys, vectors = self._head.examples()
        return TrainingSet(
            vectors=vectors,
            class_ids=[self.members.class_of(key) for key in keys],
            keys=keys,
            groups=[self.members.recording_of(key) for key in keys],
            labels={item.id: item.name for item in self.classes.values()},
            views=dict(self._head.views) if isinstance(self._head, KNeighborsHead) else {},
        )

    def leave_fitting(self) -> None:
        """Leave fitting to the caller, with ``pending_fit`` and ``adopt_fit``."""
        self._refits = False
        if isinstance(self._head, KNeighborsHead):
            self._head.refits = False

    def refit(self) -> None:
        """Fit the head if its examples have changed, unless that is left to the caller."""
        if self._refits and len(self.members) and isinstance(self._head, KNeighborsHead):
            self._head.refit()

    @property
    def needs_fit(self) -> bool:
        """Whether the fit or the reference scores are older than the examples."""
        if _is_adaptive(self._head):
            return self._head.needs_fit
        return not self._refits and self._has_stale_references

    def pending_fit(self) -> PendingFit | None:
        """Return a copy of the examples to fit on any thread; None if nothing changed."""
        if not self.needs_fit:
            return None
        head = self._head
        if _is_adaptive(head):
            return PendingFit(head, head.changes, partial(_fit, head.sample(), head.vectors))
        copied = copy.deepcopy(head)
        return PendingFit(head, self._changes, lambda: (_references(copied), None))

    def adopt_fit(self, pending: PendingFit, fit: Fit, compared: Float32Array | None) -> None:
        """Use a fit, unless the head was replaced in the meantime."""
        if pending.head is not self._head:
            return
        if _is_adaptive(self._head):
            self._head.adopt(fit, pending.changes, compared)
        else:
            self._use_references(fit, pending.changes)

    def predict(self, embeddings: npt.ArrayLike) -> list[Prediction]:
        """Predict the classes of embeddings, float [n, d]. Raises EmbeddingError."""
        return [self.prediction(decision) for decision in self.decide(embeddings)]

    def decide(self, embeddings: npt.ArrayLike) -> list[Decision]:
        """Return the head's own decisions on embeddings, float [n, d]. Raises EmbeddingError."""
        # A fit is many small products: on a busy machine two threads take several times as long.
        with one_blas_thread():
            return self._head.decide_many(embeddings)

    def prediction(self, decision: Decision) -> Prediction:
        """Convert a head's decision to a prediction with labels."""
        pairs = zip(self._head.classes_.tolist(), decision.probabilities.tolist(), strict=True)
        taught = [(class_id, p) for class_id, p in pairs if self.members.count(class_id)]
        if not taught:
            return Prediction(None, 0.0, {}, ())
        taught.sort(key=lambda pair: -pair[1])
        best, probability = taught[0]
        typicality = self._share_below(decision)
        known = typicality >= self.settings.rejection_level
        return Prediction(
            label=self.classes[best].name if known else None,
            probability=probability if known else 0.0,
            probabilities={self.classes[class_id].name: p for class_id, p in taught},
            neighbors=self._neighbors(decision),
            class_id=best if known else None,
            typicality=typicality,
        )

    def freeze(self) -> HeadParameters:
        """Return the head as plain numbers. Raises InputError without examples.

        Raises SettingError for a head passed to ``Classifier`` that is not of this package.
        """
        if not isinstance(self._head, HasParameters):
            raise SettingError(f"A {type(self._head).__name__} cannot be exported.")
        return self._head.freeze()

    def reference_scores(self) -> Float32Array:
        """Return the typicality of each example without its recording: float32, ascending.

        A prediction is known if the share of these below its own typicality is at least the
        rejection level. Empty while no class has two recordings.
        """
        if _is_adaptive(self._head):
            return self._head.references()
        if self._has_stale_references:
            self._use_references(_references(self._head), self._changes)
        return self._reference_scores

    @property
    def _has_stale_references(self) -> bool:
        return len(self.members) > 0 and self._changes > _STALE * self._compared_on

    def _use_references(self, fit: Fit, changes: int) -> None:
        self._reference_scores = fit.references
        self._compared_on = len(self.members)
        self._changes -= changes

    def threshold(self) -> float | None:
        """Return the typicality that a known prediction exceeds; None if all are known."""
        if self.settings.rejection_level <= 0:
            return None
        return threshold(self.reference_scores(), self.settings.rejection_level)

    def new_head(self) -> Head:
        """Return a new, empty head of the kind in use.

        Raises:
            SettingError: the head was given to ``Classifier``, and cannot be made again.
        """
        if not self._given:
            return make_head(self.head_name)
        if not isinstance(self._head, ClassifierEstimator):
            raise SettingError(f"A {type(self._head).__name__} cannot be retrained.")
        head: Any = type(self._head)(**self._head.get_params())
        return cast("Head", head)

    def fresh(self) -> ProjectModel:
        """Return an empty model with the same settings.

        Raises:
            SettingError: the head was given to ``Classifier``, and cannot be made again.
        """
        fresh = ProjectModel(self.new_head() if self._given else None)
        if not self._refits:
            fresh.leave_fitting()
        return fresh

    def nearest(self, embedding: npt.ArrayLike, count: int) -> tuple[Neighbor, ...]:
        """Return the examples most similar to an embedding, float [d], nearest first."""
        if not len(self._head):
            return ()
        distances, keys = self._head.kneighbors(np.asarray(embedding)[None], count)
        return self._neighbors(Decision(np.empty(0, np.float32), keys[0], 1 - distances[0]))

    def _follow(self, settings: Settings) -> None:
        """Change the head if the settings have."""
        changed = settings.head != self.settings.head
        self.settings = settings
        if changed and not self._given:
            name = settings.head if settings.head in HEADS else Settings().head
            self._head, self.head_name = self.training_set().fit(name), name
            self._compared_on, self._changes = 0, 1
            if not self._refits:
                self.leave_fitting()

    def _share_below(self, decision: Decision) -> float:
        """Return the share of reference scores below this decision's; see ``Prediction``."""
        if self.settings.rejection_level <= 0:
            return 1.0
        reference_scores = self._reference_scores
        if self._refits or len(self.members) <= REFIT_ALWAYS or _is_adaptive(self._head):
            reference_scores = self.reference_scores()
        if len(reference_scores) == 0:
            return 1.0
        return float(np.searchsorted(reference_scores, decision.typicality) / len(reference_scores))

    def _neighbors(self, decision: Decision) -> tuple[Neighbor, ...]:
        pairs = zip(decision.keys.tolist(), decision.similarities.tolist(), strict=True)
        found = ((key, self.members.class_of(key), similarity) for key, similarity in pairs)
        return tuple(
            Neighbor(key, class_id, self.classes[class_id].name, similarity)
            for key, class_id, similarity in found
        )


def _is_adaptive(head: Head) -> TypeGuard[KNeighborsHead]:
    return isinstance(head, KNeighborsHead) and head.metric == "adaptive"


def _fit(sample: Sample, vectors: Float32Array) -> tuple[Fit, Float32Array | None]:
    fit = sample.fit()
    return fit, fit.metric.apply(vectors) if fit.metric else None


def _references(head: Head) -> Fit:
    """Compute the reference scores of a head without a fit."""
    held = head.held_out()
    return Fit(None, 1.0, np.sort(held.typicalities[~held.single_recording]))


def threshold(reference_scores: Float32Array, rejection_level: float) -> float | None:
    """Return the typicality that a known prediction exceeds; None if all are known.

    At least the share ``rejection_level`` of ``reference_scores``, float32 [m], ascending, is
    below it.
    """
    if rejection_level <= 0 or len(reference_scores) == 0:
        return None
    shares = np.arange(1, len(reference_scores) + 1) / len(reference_scores)
    return float(reference_scores[np.searchsorted(shares, rejection_level)])
