"""What is learnt: the head, the classes, and which examples each class has, kept in step."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from classify_anything.heads import Decision, Head
from classify_anything.members import Members
from classify_anything.store import Snapshot
from classify_anything.types import Class, Float32Array, Neighbor, Prediction


class Knowledge:
    """A head that knows just what the snapshots of a store have told."""

    def __init__(self, head: Head) -> None:
        self.classes: dict[int, Class] = {}
        self.members = Members()
        self._head = head

    def apply(self, snapshot: Snapshot, vectors: Float32Array) -> None:
        """Learn and forget what has changed; ``vectors``, [n, d], are of the rows not removed."""
        stale = self.members if snapshot.complete else (row.example_id for row in snapshot.rows)
        for example_id in [id_ for id_ in stale if id_ in self.members]:
            self._head.remove([example_id])
            self.members.discard(example_id)
        self.classes = {item.id: item for item in snapshot.classes}
        present = [row for row in snapshot.rows if not row.removed]
        self._head.partial_fit(
            vectors,
            [row.class_id for row in present],
            keys=[row.example_id for row in present],
            classes=list(self.classes),
        )
        for row in present:
            self.members.add(row.example_id, row.class_id)

    def predict(self, embedding: npt.ArrayLike) -> Prediction:
        """Say which class an embedding, float [d], belongs to. Raises EmbeddingError."""
        decision = self._head.decide(embedding)
        pairs = zip(self._head.classes_.tolist(), decision.probabilities.tolist(), strict=True)
        taught = [(class_id, p) for class_id, p in pairs if self.members.count(class_id)]
        if not taught:
            return Prediction(None, 0.0, {}, ())
        taught.sort(key=lambda pair: -pair[1])
        best, probability = taught[0]
        return Prediction(
            label=self.classes[best].name,
            probability=probability,
            probabilities={self.classes[class_id].name: p for class_id, p in taught},
            neighbors=self._neighbors(decision),
            class_id=best,
        )

    def nearest(self, embedding: npt.ArrayLike, count: int) -> tuple[Neighbor, ...]:
        """The examples most like an embedding, float [d], nearest first."""
        if not len(self._head):
            return ()
        distances, keys = self._head.kneighbors(np.asarray(embedding)[None], count)
        return self._neighbors(Decision(np.empty(0, np.float32), keys[0], 1 - distances[0]))

    def _neighbors(self, decision: Decision) -> tuple[Neighbor, ...]:
        pairs = zip(decision.keys.tolist(), decision.similarities.tolist(), strict=True)
        found = ((key, self.members.class_of(key), similarity) for key, similarity in pairs)
        return tuple(
            Neighbor(key, class_id, self.classes[class_id].name, similarity)
            for key, class_id, similarity in found
        )
