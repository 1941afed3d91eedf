"""Suggest improvements from an evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from classify_anything.evaluation.evaluate import Evaluation, Outcome

_CONFUSED = 0.15
"""Minimum share of two classes' examples to report as confused with each other."""

_SURE = 0.8
_FEW = 8
_MOST_MISLABELLED = 12


@dataclass(frozen=True, slots=True)
class Advice:
    """One suggestion.

    Attributes:
        kind: "few", "one_recording", "confused" or "mislabelled".
        text: one or two sentences to show.
        class_ids, example_ids: what it concerns.
    """

    kind: str
    text: str
    class_ids: tuple[int, ...] = ()
    example_ids: tuple[int, ...] = ()


def advise(now: Evaluation, counts: Mapping[int, int]) -> list[Advice]:
    """Return suggestions, most useful first.

    Args:
        now: the evaluation of the current head.
        counts: the number of examples of each class, in the order of ``now.labels``.
    """
    class_ids = list(counts)
    return [
        *_one_recording(now, class_ids),
        *_mislabelled(now),
        *_confused(now, class_ids),
        *_few(now, counts),
    ]


def _one_recording(now: Evaluation, class_ids: Sequence[int]) -> list[Advice]:
    return [
        Advice(
            "one_recording",
            f"All examples of {item.label} come from one recording, so its accuracy cannot be "
            "measured. Record it again, from another side and in another light.",
            (class_id,),
        )
        for item, class_id in zip(now.per_class, class_ids, strict=True)
        if item.single_recording
    ]


def _few(now: Evaluation, counts: Mapping[int, int]) -> list[Advice]:
    return [
        Advice("few", f"{label} has only {_count(count)}. Add more.", (class_id,))
        for label, (class_id, count) in zip(now.labels, counts.items(), strict=True)
        if 0 < count < _FEW
    ]


def _confused(now: Evaluation, class_ids: Sequence[int]) -> list[Advice]:
    found = []
    for one in range(len(class_ids)):
        for other in range(one + 1, len(class_ids)):
            mixed = now.confusion[one][other] + now.confusion[other][one]
            both = sum(now.confusion[one]) + sum(now.confusion[other])
            if both and mixed > 1 and mixed / both >= _CONFUSED:
                names = now.labels[one], now.labels[other]
                text = (
                    f"{names[0]} and {names[1]} are confused: {mixed} of {both} examples. "
                    "Add more of both that show how they differ."
                )
                pair = (class_ids[one], class_ids[other])
                found.append((mixed / both, Advice("confused", text, pair)))
    return [advice for _, advice in sorted(found, key=lambda item: -item[0])]


def _mislabelled(now: Evaluation) -> list[Advice]:
    """Find examples that look clearly like another class."""
    suspects: list[Outcome] = sorted(
        (one for one in now.outcomes if one.predicted != one.class_id and one.probability >= _SURE),
        key=lambda one: -one.probability,
    )[:_MOST_MISLABELLED]
    if not suspects or len(suspects) > len(now.outcomes) / 4:
        return []
    text = (
        "1 example looks mislabelled. Check it, and move it if so."
        if len(suspects) == 1
        else f"{len(suspects)} examples look mislabelled. Check them, and move those that are."
    )
    return [Advice("mislabelled", text, example_ids=tuple(one.example_id for one in suspects))]


def _count(examples: int) -> str:
    return f"{examples} example" if examples == 1 else f"{examples} examples"
