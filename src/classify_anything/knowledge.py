"""What is learnt: the head, the classes, and which examples each class has, kept in step."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import numpy.typing as npt

from classify_anything.errors import SettingError
from classify_anything.evaluation import AUTOMATIC, Lesson, best_head, make_head
from classify_anything.heads import Decision, Head
from classify_anything.heads.calibration import has_grown
from classify_anything.heads.estimator import ClassifierEstimator
from classify_anything.heads.frozen import Freezable, Frozen
from classify_anything.members import Members
from classify_anything.store import Snapshot
from classify_anything.types import Class, Float32Array, Neighbor, Prediction, Settings

_GROWTH = 1.5
_STALE = 0.2
"""What examples look like without their recording is found out anew when so many have changed."""
_BEFORE_CHOOSING = "ridge"
"""The head that is taken until there is enough to choose by."""


class Knowledge:
    """A head that knows just what the snapshots of a store have told.

    Args:
        head: what decides; without one, what the settings say.

    Attributes:
        chooses: whether it finds out by itself which head is best, where the settings leave that
            open. That takes a second or more, so a server does it aside: see ``to_choose_by``.
    """

    def __init__(self, head: Head | None = None) -> None:
        self.classes: dict[int, Class] = {}
        self.members = Members()
        self.settings = Settings()
        self.head_name = self.settings.head if head is None else "own"
        self._given = head is not None
        self._head = make_head(self.settings.head) if head is None else head
        self.chooses = True
        self._chosen_on = 0
        self._compared_on = 0
        self._changes = 0
        self._familiar: Float32Array = np.empty(0, np.float32)

    def apply(self, snapshot: Snapshot, vectors: Float32Array) -> None:
        """Learn and forget what has changed; ``vectors``, [n, d], are of the rows not removed."""
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

    def lesson(self) -> Lesson:
        """All that was learnt, to teach another head."""
        keys, vectors = self._head.examples()
        return Lesson(
            vectors=vectors,
            class_ids=[self.members.class_of(key) for key in keys],
            keys=keys,
            groups=[self.members.recording_of(key) for key in keys],
            labels={item.id: item.name for item in self.classes.values()},
        )

    def predict(self, embeddings: npt.ArrayLike) -> list[Prediction]:
        """Say which classes embeddings, float [n, d], belong to. Raises EmbeddingError."""
        self.choose()
        return [self._prediction(decision) for decision in self._head.decide_many(embeddings)]

    def _prediction(self, decision: Decision) -> Prediction:
        pairs = zip(self._head.classes_.tolist(), decision.probabilities.tolist(), strict=True)
        taught = [(class_id, p) for class_id, p in pairs if self.members.count(class_id)]
        if not taught:
            return Prediction(None, 0.0, {}, ())
        taught.sort(key=lambda pair: -pair[1])
        best, probability = taught[0]
        familiarity = self._familiarity(decision)
        known = familiarity >= self.settings.strictness
        return Prediction(
            label=self.classes[best].name if known else None,
            probability=probability if known else 0.0,
            probabilities={self.classes[class_id].name: p for class_id, p in taught},
            neighbors=self._neighbors(decision),
            class_id=best if known else None,
            familiarity=familiarity,
        )

    def freeze(self) -> Frozen:
        """The head as plain numbers. Raises InputError without examples, SettingError of its own.

        Of a head that was given to ``Classifier`` only those of this package can be frozen.
        """
        self.choose()
        if not isinstance(self._head, Freezable):
            raise SettingError(f"A {type(self._head).__name__} cannot be exported.")
        return self._head.freeze()

    def familiar(self) -> Float32Array:
        """How clearly examples belonged when their recording was left out: float32, ascending.

        A prediction is known if the share of these below its own familiarity is at least the
        strictness. Empty while no class has two recordings.
        """
        if len(self.members) and self._changes > _STALE * self._compared_on:
            held = self._head.held_out()
            self._familiar = np.sort(held.familiarities[~held.alone])
            self._compared_on, self._changes = len(self.members), 0
        return self._familiar

    def threshold(self) -> float | None:
        """A prediction is known if its familiarity is above this; None where all are."""
        self.choose()
        if self.settings.strictness <= 0:
            return None
        return threshold(self.familiar(), self.settings.strictness)

    def unlearnt(self) -> Head:
        """A new head of the kind that decides now, which has no examples yet.

        Raises:
            SettingError: the head was given to ``Classifier``, and cannot be made again.
        """
        self.choose()
        if not self._given:
            return make_head(self.head_name)
        if not isinstance(self._head, ClassifierEstimator):
            raise SettingError(f"A {type(self._head).__name__} cannot be taught anew.")
        head: Any = type(self._head)(**self._head.get_params())
        return cast("Head", head)

    def fresh(self) -> Knowledge:
        """One that has learnt nothing yet, and will decide in the same way.

        Raises:
            SettingError: the head was given to ``Classifier``, and cannot be made again.
        """
        fresh = Knowledge(self.unlearnt() if self._given else None)
        fresh.chooses = self.chooses
        return fresh

    def nearest(self, embedding: npt.ArrayLike, count: int) -> tuple[Neighbor, ...]:
        """The examples most like an embedding, float [d], nearest first."""
        if not len(self._head):
            return ()
        distances, keys = self._head.kneighbors(np.asarray(embedding)[None], count)
        return self._neighbors(Decision(np.empty(0, np.float32), keys[0], 1 - distances[0]))

    def _follow(self, settings: Settings) -> None:
        """Change the head, if the settings have."""
        changed = settings.head != self.settings.head
        self.settings = settings
        if changed and not self._given:
            self._chosen_on = 0
            if settings.head != AUTOMATIC:
                self._take(settings.head)

    def _take(self, name: str) -> None:
        if name != self.head_name:
            self._head, self.head_name = self.lesson().taught(name), name
            self._compared_on, self._changes = 0, 1

    def choose(self) -> None:
        """Take the head that is best now, if that is to be found out, and it is time to."""
        if self.settings.head != AUTOMATIC or self._given:
            return
        if self._chosen_on == 0:
            self._take(_BEFORE_CHOOSING)
        lesson = self.to_choose_by() if self.chooses else None
        if lesson:
            self.take_choice(best_head(lesson)[0], lesson)

    def to_choose_by(self) -> Lesson | None:
        """What the best head is to be found out with (``best_head``), if it is time to."""
        if self.settings.head != AUTOMATIC or self._given:
            return None
        if not has_grown(self._chosen_on, len(self.members), _GROWTH):
            return None
        counts = [self.members.count(class_id) for class_id in self.classes]
        enough = sum(count > 0 for count in counts) > 1 and max(counts) > 1
        return self.lesson() if enough else None

    def take_choice(self, name: str, lesson: Lesson) -> None:
        """Take the head that a lesson has shown to be the best one."""
        if self.settings.head == AUTOMATIC and not self._given:
            self._chosen_on = len(lesson.keys)
            self._take(name)

    def _familiarity(self, decision: Decision) -> float:
        """The share of own examples that are less familiar than this; see ``Prediction``."""
        if self.settings.strictness <= 0:
            return 1.0
        familiar = self.familiar()
        if len(familiar) == 0:
            return 1.0
        return float(np.searchsorted(familiar, decision.familiarity) / len(familiar))

    def _neighbors(self, decision: Decision) -> tuple[Neighbor, ...]:
        pairs = zip(decision.keys.tolist(), decision.similarities.tolist(), strict=True)
        found = ((key, self.members.class_of(key), similarity) for key, similarity in pairs)
        return tuple(
            Neighbor(key, class_id, self.classes[class_id].name, similarity)
            for key, class_id, similarity in found
        )


def threshold(familiar: Float32Array, strictness: float) -> float | None:
    """The familiarity that a known prediction is above: the share of ``familiar``, float32 [m] and
    ascending, that is below it is then at least the strictness. None where all are known.
    """
    if strictness <= 0 or len(familiar) == 0:
        return None
    shares = np.arange(1, len(familiar) + 1) / len(familiar)
    return float(familiar[np.searchsorted(shares, strictness)])
