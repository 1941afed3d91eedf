"""Many images at once: in bounded memory, never twice, and all or nothing."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from classify_anything import Classifier, Progress
from classify_anything.datasets.read import read_dataset
from classify_anything.errors import ConflictError, ImageError, NotFoundError, StoreFullError
from classify_anything.project.importing import Import
from tests.files import colored, write_tree
from tests.photos import encoded, photo, plain


def pairs(count: int, label: str = "Mug") -> list[tuple[str | int, bytes]]:
    return [(label, colored(n % 256, n // 256, 7)) for n in range(count)]


def test_many_are_added_as_one_change(clf: Classifier) -> None:
    told: list[Progress] = []
    report = clf.add_many([*pairs(150), *pairs(20, "Cup")], progress=told.append)
    assert (len(report.examples), report.known, report.problems) == (170, 0, ())
    assert [item.done for item in told] == [64, 128, 170]
    assert {item.total for item in told} == {170}
    assert [clf.image(id_)[0] for id_ in report.examples[:3]] == [image for _, image in pairs(3)]
    assert clf.next_undo().text == "170 examples added to 2 classes"  # type: ignore[union-attr]
    assert clf.predict(colored(9, 0, 7)).label in ("Mug", "Cup")
    clf.undo()
    assert (len(clf), clf.classes()) == (0, [])
    clf.redo()
    assert len(clf) == 170


def test_what_is_there_already_is_not_added_again(clf: Classifier) -> None:
    clf.add("Mug", plain("red"))
    again = [("mug", plain("red")), ("Mug", plain("blue")), ("MUG", plain("blue"))]
    report = clf.add_many([*again, ("Cup", plain("red"))])
    assert (len(report.examples), report.known) == (2, 2)
    assert [(item.name, clf.project.count(item.id)) for item in clf.classes()] == [
        ("Mug", 2),
        ("Cup", 1),
    ]


def test_every_kind_of_image_can_be_added_to_a_class_by_id(clf: Classifier, tmp_path: Path) -> None:
    mug = clf.add_class("Mug")
    path = write_tree(tmp_path, {"1.png": plain("red")}) / "1.png"
    report = clf.add_many((mug.id, image) for image in (path, str(path), photo("cat")))
    assert (len(report.examples), report.known) == (2, 1)
    assert clf.project.count(mug.id) == 2
    lost = clf.add_many([(99, plain("blue")), (np.int64(mug.id), plain("lime"))])
    assert lost.problems[0].message == "image 1: No class 99."
    assert len(lost.examples) == 1
    assert clf.project.count(mug.id) == 3


def test_one_bad_file_among_many_is_listed_and_ends_nothing(
    clf: Classifier, tmp_path: Path
) -> None:
    whole = encoded(photo("coffee"))
    bad = {
        "cut.jpg": whole[: len(whole) // 2],
        "empty.jpg": b"",
        "letter.txt": b"dear",
        "phone.heic": b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic",
        "drawing.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "paper.pdf": b"%PDF-1.7\n",
    }
    good = {f"{n}.png": colored(n, n, 0) for n in range(100)}
    root = write_tree(
        tmp_path / "set", {f"A/{name}": data for name, data in {**bad, **good}.items()}
    )
    report = clf.import_dataset(root)
    assert len(report.examples) == 100
    said = {Path(problem.name).name: problem.message for problem in report.problems}
    assert set(said) == set(bad)
    assert all(message.startswith(str(root / "A")) for message in said.values())
    assert not any("\n" in message for message in said.values())
    assert "convert the image to JPEG" in said["phone.heic"]
    assert "truncated" in said["cut.jpg"]


def test_a_picture_with_a_time_is_told_apart_by_it_and_without_one_by_its_bytes(
    clf: Classifier, tmp_path: Path
) -> None:
    clf.add("Mug", plain("red"))
    clf.add("Mug", plain("red"))
    root = write_tree(tmp_path / "set", {"Mug/copy.png": plain("red")})
    target = clf.export(tmp_path / "desk.zip")
    clf.undo()
    clf.undo()
    report = clf.import_dataset([target, root])
    assert (len(report.examples), report.known) == (2, 1)
    report = clf.import_dataset([root, target])
    assert (len(report.examples), report.known) == (0, 3)


def test_every_bad_image_is_a_problem(clf: Classifier, tmp_path: Path) -> None:
    (tmp_path / "cut.jpg").write_bytes(encoded(photo("cat"))[:9000])
    with Image.open(tmp_path / "cut.jpg") as cut:
        bad: list[Any] = [cut, 7, None, np.zeros((4, 4)), tmp_path / "none.png", tmp_path, b"x"]
        report = clf.add_many([*(("Mug", image) for image in bad), ("Mug", plain("red"))])
    assert len(report.examples) == 1
    assert [problem.message for problem in report.problems if "\n" in problem.message] == []
    names = ["image 1", "image 2", "image 3", "image 4"]
    names += [str(tmp_path / "none.png"), str(tmp_path), "image 7"]
    assert [problem.name for problem in report.problems] == names
    assert all(problem.message.startswith(problem.name) for problem in report.problems)


def test_large_images_make_small_batches(clf: Classifier) -> None:
    noise = np.random.default_rng(0)
    images = (noise.integers(0, 256, (1500, 1500, 3), dtype=np.uint8) for _ in range(12))
    told: list[Progress] = []
    clf.add_many((("Mug", encoded(image, "BMP")) for image in images), progress=told.append)
    assert [item.done for item in told if not item.text] == [5, 10, 12]


def test_only_a_few_images_are_taken_ahead_of_what_is_written(clf: Classifier) -> None:
    taken = 0

    def endless() -> Iterator[tuple[str, bytes]]:
        nonlocal taken
        for taken in itertools.count(1):
            yield "Mug", colored(taken % 256, taken // 256, 0)

    ahead = []

    def stop(progress: Progress) -> None:
        ahead.append(taken - progress.done)
        if progress.done >= 320:
            raise KeyboardInterrupt

    threads = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        clf.add_many(endless(), progress=stop)
    assert len(clf) == 320
    assert max(ahead) <= 16 * (os.cpu_count() or 1)
    assert threading.active_count() == threads


@pytest.mark.parametrize("label", ["", "   ", "x" * 10_000, "bad\x07bell", "\ud800"])
def test_a_label_that_cannot_be_is_a_problem_of_its_image(clf: Classifier, label: str) -> None:
    report = clf.add_many([(label, plain("red")), ("شاي 🍵", plain("blue"))])
    assert len(report.examples) == 1
    assert report.problems[0].code == "bad_label"
    assert clf.predict(plain("navy")).label == "شاي 🍵"


def test_only_a_few_images_are_taken_ahead(clf: Classifier) -> None:
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        for number in itertools.count():
            taken += 1
            yield colored(number % 256, 0, 0)

    clf.add("Mug", plain("red"))
    answers = list(itertools.islice(clf.predict_many(endless()), 10))
    assert [answer.label for answer in answers if answer] == ["Mug"] * 10
    assert taken < 10 + 16 * (os.cpu_count() or 1)


def test_a_slow_source_has_each_answer_before_it_is_asked_again(clf: Classifier) -> None:
    taken = 0

    def slow() -> Iterator[bytes]:
        nonlocal taken
        for number in range(4):
            time.sleep(0.3)
            taken += 1
            yield colored(number, 0, 0)

    clf.add("Mug", plain("red"))
    assert [taken for _ in clf.predict_many(slow())] == [1, 2, 3, 4]


def test_what_a_source_gave_before_it_failed_is_answered(clf: Classifier) -> None:
    def failing() -> Iterator[bytes]:
        yield from (colored(number, 0, 0) for number in range(21))
        raise ConnectionError("gone")

    clf.add("Mug", plain("red"))
    answers = []
    with pytest.raises(ConnectionError, match="gone"):
        answers.extend(clf.predict_many(failing()))
    assert len(answers) == 21


def test_predicting_many_tells_how_far_it_is(clf: Classifier) -> None:
    clf.add("Mug", plain("red"))
    told: list[Progress] = []
    images = [plain("red"), b"x", *(colored(number, 0, 0) for number in range(20))]
    for place, _ in enumerate(clf.predict_many(images, on_error=print, progress=told.append)):
        assert len(told) == place
    assert told == [Progress(number, 22) for number in range(1, 23)]
    told.clear()
    list(clf.predict_many(iter(images[2:]), progress=told.append))
    assert told[-1] == Progress(20, None)


def test_many_are_predicted_as_one_by_one(clf: Classifier, tmp_path: Path) -> None:
    clf.add_many([("Red", plain("red")), ("Blue", plain("blue"))])
    images = [colored(n, 0, 255 - n) for n in range(0, 256, 5)]
    for many, one in zip(clf.predict_many(iter(images)), map(clf.predict, images), strict=True):
        assert many is not None
        assert (many.label, many.class_id) == (one.label, one.class_id)
        assert many.probabilities == pytest.approx(one.probabilities, abs=1e-5)
        assert [near.example_id for near in many.neighbors] == [
            near.example_id for near in one.neighbors
        ]
    with pytest.raises(ImageError, match=r"nothing\.png"):
        list(clf.predict_many([tmp_path / "nothing.png"]))
    said = []
    answers = clf.predict_many([b"x", plain("red")], on_error=lambda *what: said.append(what))
    assert [answer and answer.label for answer in answers] == [None, "Red"]
    assert said[0][0] == b"x"


def test_ctrl_c_keeps_what_was_added_and_the_same_goes_on(clf: Classifier, tmp_path: Path) -> None:
    files = {f"A/{n}.png": colored(n, 1, 2) for n in range(200)}
    root = write_tree(tmp_path / "set", files)

    def interrupt(progress: Progress) -> None:
        if progress.done >= 100:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        clf.import_dataset(root, progress=interrupt)
    assert len(clf) == 128
    report = clf.import_dataset(root)
    assert (len(report.examples), report.known, len(clf)) == (72, 128, 200)


def test_a_broken_source_leaves_the_project_as_it_was(clf: Classifier) -> None:
    clf.add("Mug", plain("red"))
    before = clf.examples()

    def broken() -> Iterator[tuple[str, bytes]]:
        for number in range(100):
            yield "Cup", colored(number, 0, 0)
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError, match="the source broke"):
        clf.add_many(broken())
    assert clf.examples() == before
    assert [item.name for item in clf.classes()] == ["Mug"]
    assert clf.next_undo().text == "1 example added to Mug"  # type: ignore[union-attr]


def test_a_full_disk_leaves_the_project_as_it_was(clf: Classifier) -> None:
    clf.add("Mug", plain("red"))
    before = clf.examples()
    connection = clf.project.store._raw.driver_connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages + 40}")
    with pytest.raises(StoreFullError):
        clf.add_many(pairs(500, "Cup"))
    assert clf.examples() == before
    assert [item.name for item in clf.classes()] == ["Mug"]
    assert clf.predict(plain("red")).label == "Mug"
    assert clf.next_undo().text == "1 example added to Mug"  # type: ignore[union-attr]


def test_an_import_into_a_class_that_is_removed_meanwhile_ends(clf: Classifier) -> None:
    mug = clf.add_class("Mug")
    clf.add("Cup", plain("red"))

    def remove(progress: Progress) -> None:
        if progress.done == 64:
            clf.remove_class(mug.id)

    with pytest.raises(NotFoundError, match=f"No class {mug.id}"):
        clf.add_many([(mug.id, image) for _, image in pairs(100)], progress=remove)
    assert [(item.name, clf.project.count(item.id)) for item in clf.classes()] == [("Cup", 1)]


def test_an_import_that_is_undone_meanwhile_ends(clf: Classifier, tmp_path: Path) -> None:
    root = write_tree(tmp_path / "set", {f"A/{n}.png": colored(n, 1, 2) for n in range(30)})
    job = Import(clf.project.store, clf.backbone, read_dataset([root]), batch=10)
    batches = job.batches()
    job.commit(next(batches))
    clf.undo()
    with pytest.raises(ConflictError):
        job.commit(next(batches))
    job.discard()
    batches.close()
    assert (len(clf), clf.classes()) == (0, [])


def test_a_killed_import_goes_on_without_duplicates(tmp_path: Path, tiny_backbone: Path) -> None:
    root = write_tree(
        tmp_path / "set", {f"A/{n}.png": colored(n % 256, n // 256, 2) for n in range(600)}
    )
    code = (
        "import sys, time\n"
        "from classify_anything import Classifier\n"
        "clf = Classifier(sys.argv[1], backbone=sys.argv[2])\n"
        "def tell(progress):\n"
        "    print(progress.done, flush=True)\n"
        "    time.sleep(0.2)\n"
        "clf.import_dataset(sys.argv[3], progress=tell)\n"
    )
    project = tmp_path / "project.db"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(project), str(tiny_backbone), str(root)],
        stdout=subprocess.PIPE,
    )
    assert process.stdout
    assert process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    with Classifier(project, backbone=tiny_backbone) as clf:
        there = len(clf)
        assert 64 <= there < 600
        report = clf.import_dataset(root)
        assert (report.known, len(report.examples)) == (there, 600 - there)
        assert len({example.sha256 for example in clf.examples()}) == len(clf) == 600
