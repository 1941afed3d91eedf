"""A page that needs no server is read back, and compared with the project it was made from."""

from __future__ import annotations

import gzip
import json
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classify_anything import Classifier, KNeighborsHead
from classify_anything.errors import ExportDiffersError, ExportError
from classify_anything.export.page_model import ExportedPage
from classify_anything.export.verify import verify_page_alone
from classify_anything.heads import Head
from tests.command import objects, run
from tests.convolutions import write_convolutions
from tests.photos import photo
from tests.verified import verify_with

NAMES = ("cat", "coffee", "rocket")

HEADS: dict[str, Callable[[], Head]] = {
    "adaptive": KNeighborsHead,
    "distance": lambda: KNeighborsHead(3, "cosine", "distance", balanced=True),
    "votes": lambda: KNeighborsHead(5, "cosine"),
}


def teach(clf: Classifier, count: int = 4) -> None:
    for name in NAMES:
        for shift in range(count):
            clf.add(name, photo(name)[9 * shift :], recording=f"{name} {shift % 2}")


@pytest.fixture
def taught(clf: Classifier) -> Classifier:
    teach(clf)
    return clf


def with_model(page: Path, change: Callable[[dict[str, Any], np.ndarray], None]) -> Path:
    """Change what a page knows."""
    file = page / "model.bin.gz"
    data = gzip.decompress(file.read_bytes())
    (length,) = struct.unpack_from("<I", data, 4)
    header = json.loads(data[8 : 8 + length])
    numbers = np.frombuffer(data, "<f4", offset=8 + length).copy()
    change(header, numbers)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 4)
    packed = data[:4] + struct.pack("<I", len(text)) + text + numbers.tobytes()
    file.write_bytes(gzip.compress(packed))
    return page


@pytest.mark.parametrize("rejection_level", [0.0, 0.3])
@pytest.mark.parametrize("name", HEADS)
def test_a_page_agrees_with_its_project(
    tmp_path: Path, tiny_backbone: Path, name: str, rejection_level: float
) -> None:
    with Classifier(tmp_path / "p.db", backbone=tiny_backbone, head=HEADS[name]()) as clf:
        teach(clf)
        clf.add_class("Nothing yet")
        clf.configure(rejection_level=rejection_level)
        page = ExportedPage(clf.export(tmp_path / "page", "web"))
        found = verify_with(page, clf)
        assert found.agrees
        assert (found.pictures, found.decided) == (12, 24)
        assert found.probabilities < 1e-4
        assert verify_page_alone(page).agrees
        pictures = np.random.default_rng(0).integers(0, 256, (9, *2 * (clf.backbone.size,), 3))
        squares = pictures.astype(np.uint8)
        answers = page.run(squares)
        known = page.metadata.known(answers.similarity)
        for place, expected in enumerate(clf.project.predict(clf.backbone.embed(squares))):
            assert bool(known[place]) == (expected.label is not None)
            own = dict(zip(clf.project.labels.values(), answers.probabilities[place], strict=True))
            del own["Nothing yet"]
            assert own == pytest.approx(expected.probabilities, abs=1e-4)


def turned(header: dict[str, Any], numbers: np.ndarray) -> None:
    """Each example gets the numbers of another one."""
    place = header["arrays"]["vectors"]
    rows = numbers[place["start"] : place["start"] + place["length"]]
    rows[:] = rows.reshape(12, -1)[::-1].ravel()


def scaled(header: dict[str, Any], numbers: np.ndarray) -> None:
    place = header["arrays"]["gains"]
    numbers[place["start"] : place["start"] + place["length"]] *= -1


def hotter(header: dict[str, Any], _: np.ndarray) -> None:
    header["head"]["temperature"] *= 1.5


def stricter(header: dict[str, Any], numbers: np.ndarray) -> None:
    place = header["arrays"]["reference_scores"]
    numbers[place["start"] : place["start"] + place["length"]] += 10


@pytest.mark.parametrize(
    ("name", "change"),
    [("classic", turned), ("adaptive", scaled), ("adaptive", hotter), ("adaptive", stricter)],
)
def test_a_spoiled_one_does_not(
    taught: Classifier, tmp_path: Path, name: str, change: Callable[..., None]
) -> None:
    taught.configure(head=name, rejection_level=0.1)
    page = with_model(taught.export(tmp_path / "page", "web"), change)
    assert not verify_with(ExportedPage(page), taught).agrees


def test_one_with_another_network_does_not(tmp_path: Path) -> None:
    with Classifier(tmp_path / "p.db", backbone=write_convolutions(tmp_path / "one.onnx")) as clf:
        teach(clf)
        page = clf.export(tmp_path / "page", "web")
        other = write_convolutions(tmp_path / "other.onnx", seed=1).read_bytes()
        (page / "backbone.onnx.gz").write_bytes(gzip.compress(other))
        opened = ExportedPage(page)
        assert not verify_with(opened, clf).agrees
        assert not verify_page_alone(opened).agrees


@pytest.mark.parametrize("name", ["page", "page.zip"])
def test_a_page_that_disagrees_is_not_handed_over(tmp_path: Path, name: str) -> None:
    backbone = write_convolutions(tmp_path / "conv.onnx")
    with Classifier(tmp_path / "p.db", backbone=backbone) as clf:
        teach(clf)
        clf.export(tmp_path / name, "web")
        good = ExportedPage(tmp_path / name).metadata
        # Somebody else puts another network there while the project is open.
        write_convolutions(backbone, seed=1)
        with pytest.raises(ExportDiffersError, match=rf"{name}: not written, because"):
            clf.export(tmp_path / name, "web", overwrite=True)
    assert ExportedPage(tmp_path / name).metadata == good
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_a_page_of_lesser_precision_is_compared_with_its_own_network(
    tmp_path: Path, precision: Any
) -> None:
    with Classifier(tmp_path / "p.db", backbone=write_convolutions(tmp_path / "c.onnx")) as clf:
        teach(clf)
        page = ExportedPage(clf.export(tmp_path / "page", "web", precision=precision))
        assert page.metadata.precision == precision
        assert page.metadata.fingerprint != clf.backbone.fingerprint
        assert verify_with(page, clf).agrees
        assert verify_page_alone(page).agrees


def test_a_page_made_before_its_precision_was_told_is_compared_as_the_project(
    taught: Classifier, tmp_path: Path
) -> None:
    def older(header: dict[str, Any], _: np.ndarray) -> None:
        del header["backbone"]["precision"]

    page = with_model(taught.export(tmp_path / "page", "web"), older)
    assert verify_with(ExportedPage(page), taught).agrees


def test_the_command_takes_a_page(taught: Classifier, tmp_path: Path) -> None:
    folder = taught.export(tmp_path / "page", "web")
    packed = taught.export(tmp_path / "page.zip", "web")
    backbone = tmp_path / "again.onnx"
    backbone.write_bytes(taught.backbone.graph())
    for path in (folder, packed):
        agreed = run("verify", path, taught.path, "--backbone", backbone)
        assert agreed.stderr == ""
        first, *_, last = agreed.stdout.splitlines()
        assert (first, last) == (
            f"{path}: 12 images and 24 blends of two, precision fp32",
            "The predictions agree.",
        )
        assert run("verify", path).returncode == 0
    with_model(folder, turned)
    differs = run("verify", folder, taught.path, "--json", "--backbone", backbone)
    (told,) = objects(differs.stdout)
    assert (differs.returncode, told["agrees"], told["blends"]) == (1, False, 24)


def newer(header: dict[str, Any], _: np.ndarray) -> None:
    header["version"] = 99


def nameless(header: dict[str, Any], _: np.ndarray) -> None:
    del header["head"]["name"]


def longer(header: dict[str, Any], _: np.ndarray) -> None:
    header["arrays"]["vectors"]["length"] += 10**6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (newer, "page: made by a newer version of Classify Anything .* Update"),
        (nameless, "page: damaged: its model cannot be read"),
        (longer, "page: damaged: invalid model.bin"),
    ],
)
def test_a_page_that_cannot_be_read_says_so(
    taught: Classifier, tmp_path: Path, change: Callable[..., None], message: str
) -> None:
    page = with_model(taught.export(tmp_path / "page", "web"), change)
    with pytest.raises(ExportError, match=message):
        ExportedPage(page)


def test_what_is_no_page_says_so(taught: Classifier, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"not an exported page: it has no backbone"):
        ExportedPage(tmp_path)
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("a.txt", "a")
    with pytest.raises(ExportError, match=r"other\.zip: not an exported page"):
        ExportedPage(tmp_path / "other.zip")
    page = taught.export(tmp_path / "page", "web")
    for name in ("backbone.onnx.gz", "model.bin.gz"):
        whole = (page / name).read_bytes()
        for data in (b"", whole[: len(whole) // 2], b"\0" * 100):
            (page / name).write_bytes(data)
            with pytest.raises(ExportError, match=r"page: .*(damaged|not an ONNX)"):
                ExportedPage(page)
        (page / name).write_bytes(whole)
    shutil.rmtree(page)
    done = run("verify", page)
    assert done.stderr.strip() == f"Error: {page}: no such file."


@pytest.mark.parametrize("form", ["web", "onnx"])
@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_a_project_may_be_taught_while_it_is_exported(
    tmp_path: Path, form: Any, precision: Any
) -> None:
    with Classifier(tmp_path / "p.db", backbone=write_convolutions(tmp_path / "c.onnx")) as clf:
        teach(clf)
        before = clf.project.predict(clf.project.training_set().vectors)
        steps: list[str] = []

        def meanwhile(progress: Any) -> None:
            if progress.text not in (*steps, "Reading the examples"):
                steps.append(progress.text)
                # All that is known becomes something else, and there is more of it.
                clf.move(clf.examples("cat")[:1], "rocket")
                clf.add("cat", photo("coffee")[len(steps) :])
                clf.add(f"New {len(steps)}", photo("retina")[len(steps) :])
                clf.configure(rejection_level=0.5)

        target = tmp_path / "out"
        clf.export(target, form, precision=precision, progress=meanwhile)
        assert "Checking that it decides as the project does" in steps
        if form == "web" and precision == "fp32":
            page = ExportedPage(target)
            assert [item.name for item in page.metadata.classes] == list(NAMES)
            found = page.decide(clf.project.training_set().vectors[:12]).probabilities.argmax(
                axis=1
            )
            assert [NAMES[code] for code in found] == [one.label for one in before]
