"""A frame's way through the classifier."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from time import perf_counter

from classify_anything.classifier import Classifier
from classify_anything.server.messages import AddFrame, Answer, PredictFrame, Timings
from classify_anything.server.translate import to_prediction


@dataclass(slots=True)
class FrameJob:
    """One frame on its way through the classifier; called on the classifier's thread."""

    header: PredictFrame | AddFrame
    image: bytes
    received: float

    def __call__(self, classifier: Classifier) -> Answer:
        """Decode, embed, predict, and then, if it is to be added, add."""
        times = [self.received, perf_counter()]
        picture = classifier.read(self.image)
        times.append(perf_counter())
        embedding = classifier.embed(picture)
        times.append(perf_counter())
        classifier.refresh()
        prediction = to_prediction(classifier, classifier.predict_embedding(embedding))
        times.append(perf_counter())
        example_id = change = None
        if isinstance(self.header, AddFrame):
            example = classifier.add(
                self.header.class_id,
                picture,
                embedding=embedding,
                recording=self.header.recording,
                key=self.header.key,
                source="camera",
            )
            example_id, change = example.id, classifier.change_of(example)
        times.append(perf_counter())
        return Answer(
            seq=self.header.seq,
            revision=classifier.revision,
            prediction=prediction,
            example_id=example_id,
            change=change,
            timings=timings(times),
        )


def timings(times: list[float]) -> Timings:
    """What passed between six moments of ``perf_counter``."""
    queue, decode, backbone, head, store = (
        round(1000 * (end - start), 3) for start, end in pairwise(times)
    )
    return Timings(queue=queue, decode=decode, backbone=backbone, head=head, store=store)
