"""A page that needs no server, as files."""

from __future__ import annotations

import gzip
import html
import json
import re
import struct
import zipfile
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from classify_anything import Classifier
from classify_anything.errors import InputError, OutputError, SettingError
from classify_anything.export.formats.probe import probe_picture
from classify_anything.export.page_model import ExportedPage
from classify_anything.images import to_square
from tests.convolutions import write_convolutions
from tests.networks import write_network
from tests.photos import photo
from tests.tiny import SIZE

NAMES = ("cat", "coffee", "rocket")
AWKWARD = 'A "quoted" </script><b>name</b> & more'


@pytest.fixture
def taught(clf: Classifier) -> Classifier:
    for name in NAMES:
        for shift in range(4):
            clf.add(name, photo(name)[9 * shift :], recording=f"{name} {shift % 2}")
    return clf


def model(folder: Path) -> tuple[dict, np.ndarray]:
    """The header of a page's model, and all its numbers."""
    data = gzip.decompress((folder / "model.bin.gz").read_bytes())
    assert data[:4] == b"CAKN"
    (length,) = struct.unpack_from("<I", data, 4)
    header = json.loads(data[8 : 8 + length])
    return header, np.frombuffer(data, "<f4", offset=8 + length)


def array(header: dict, numbers: np.ndarray, name: str) -> np.ndarray:
    place = header["arrays"][name]
    return numbers[place["start"] : place["start"] + place["length"]]


def test_all_that_is_learnt_is_in_it(taught: Classifier, tmp_path: Path) -> None:
    taught.add_class(AWKWARD)
    taught.configure(rejection_level=0.2)
    folder = taught.export(tmp_path / "page", "web")
    header, numbers = model(folder)
    assert [item["name"] for item in header["classes"]] == [*NAMES, AWKWARD]
    training_set = taught.project.training_set()
    assert header["examples"]["ids"] == training_set.keys
    assert header["examples"]["class_ids"] == training_set.class_ids
    assert header["uid"] == taught.project.store.uid()
    newest = taught.examples()[0]
    assert header["examples"]["sha256"][-1] == newest.sha256
    assert header["examples"]["created_at"][-1] / 1e6 == newest.created_at.timestamp()
    vectors = array(header, numbers, "vectors").reshape(12, -1)
    np.testing.assert_array_equal(vectors, training_set.vectors)
    assert (header["head"]["name"], header["head"]["n_neighbors"]) == ("adaptive", 3)
    assert header["rejection_level"] == 0.2
    assert len(array(header, numbers, "reference_scores")) == 12
    frozen = taught.project.model.freeze()
    for name in ("centre", "directions", "gains"):
        np.testing.assert_array_equal(array(header, numbers, name), frozen.arrays[name].ravel())


def test_the_network_in_it_is_the_projects(taught: Classifier, tmp_path: Path) -> None:
    folder = taught.export(tmp_path / "page", "web")
    graph = gzip.decompress((folder / "backbone.onnx.gz").read_bytes())
    picture = probe_picture(taught.backbone.size)[None]
    (found,) = ort.InferenceSession(graph).run(["embedding"], {"image": picture})
    np.testing.assert_array_equal(found, taught.backbone.embed(picture))
    header, numbers = model(folder)
    np.testing.assert_array_equal(array(header, numbers, "probe"), found[0])


def test_there_is_a_small_picture_of_each_example(taught: Classifier, tmp_path: Path) -> None:
    data = (taught.export(tmp_path / "page", "web") / "thumbnails.bin").read_bytes()
    (count,) = struct.unpack_from("<I", data)
    lengths = struct.unpack_from(f"<{count}I", data, 4)
    assert count == 12
    assert 4 + 4 * count + sum(lengths) == len(data)
    start = 4 + 4 * count
    for length in lengths:
        assert data[start + 8 : start + 12] == b"WEBP"
        start += length


def test_nothing_is_loaded_from_elsewhere(taught: Classifier, tmp_path: Path) -> None:
    folder = taught.export(tmp_path / "page", "web", embed=True)
    index = (folder / "index.html").read_text()
    for address in re.findall(r'(?:src|href)="([^"]+)"', index):
        assert (folder / address).is_file(), address
    policy = html.unescape(re.search(r'Policy" content="([^"]+)"', index)[1])
    assert policy.startswith("default-src 'self';")
    assert "http" not in policy


def test_the_name_of_a_project_does_no_harm(tmp_path: Path, tiny_backbone: Path) -> None:
    name = AWKWARD.replace("/", "")
    with Classifier(tmp_path / f"{name}.db", backbone=tiny_backbone) as clf:
        clf.add("a", photo("cat"))
        clf.add("b", photo("coffee"))
        folder = clf.export(tmp_path / "page", "web")
    index = (folder / "index.html").read_text()
    assert f"<title>{html.escape(name)}</title>" in index
    assert "<b>" not in index
    assert json.loads((folder / "manifest.webmanifest").read_text())["name"] == name


def test_a_zip_has_the_same_files(taught: Classifier, tmp_path: Path) -> None:
    folder = taught.export(tmp_path / "page", "web", embed=True)
    with zipfile.ZipFile(taught.export(tmp_path / "page.zip", "web", embed=True)) as archive:
        names = set(archive.namelist())
        assert archive.testzip() is None
    assert names == {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    }


def test_an_older_export_is_replaced_and_nothing_else(taught: Classifier, tmp_path: Path) -> None:
    folder = taught.export(tmp_path / "page", "web")
    first = (folder / "sw.js").read_text()
    with pytest.raises(OutputError, match="already exists"):
        taught.export(folder, "web")
    taught.add("cat", photo("cat")[50:])
    taught.export(folder, "web", overwrite=True)
    assert (folder / "sw.js").read_text() != first
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "diary.txt").write_text("mine")
    with pytest.raises(OutputError, match="not an export"):
        taught.export(tmp_path / "mine", "web", overwrite=True)
    assert (tmp_path / "mine" / "diary.txt").read_text() == "mine"
    (tmp_path / "letter").write_text("dear")
    steps: list[object] = []
    for overwrite, message in ((False, "already exists"), (True, "not an export")):
        with pytest.raises(OutputError, match=f"letter: {message}|letter: exists, and"):
            taught.export(tmp_path / "letter", "web", overwrite=overwrite, progress=steps.append)
    (tmp_path / "page.zip").mkdir()
    with pytest.raises(OutputError, match=r"page\.zip: is a folder"):
        taught.export(tmp_path / "page.zip", "web", overwrite=True, progress=steps.append)
    assert steps == [], "the path comes first, before any work"
    assert (tmp_path / "letter").read_text() == "dear"


def test_the_same_project_gives_the_same_page(taught: Classifier, tmp_path: Path) -> None:
    one = taught.export(tmp_path / "one", "web")
    other = taught.export(tmp_path / "other", "web")
    for name in ("backbone.onnx.gz", "thumbnails.bin"):
        assert (one / name).read_bytes() == (other / name).read_bytes()


def test_there_must_be_something_to_tell_apart(clf: Classifier, tmp_path: Path) -> None:
    for label in (None, "cat"):
        if label:
            clf.add(label, photo("cat"))
        with pytest.raises(InputError, match="at least two classes"):
            clf.export(tmp_path / "page", "web")
    assert not (tmp_path / "page").exists()


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_a_smaller_network_is_taught_anew(tmp_path: Path, precision: str) -> None:
    backbone = write_convolutions(tmp_path / "net.onnx")
    with Classifier(tmp_path / "p.db", backbone=backbone) as clf:
        for name in NAMES:
            for shift in range(4):
                clf.add(name, photo(name)[9 * shift :], recording=f"{name} {shift % 2}")
        plain = clf.export(tmp_path / "plain", "web")
        small = clf.export(tmp_path / "small", "web", precision=precision)
        images = [clf.image(example.id)[0] for example in clf.examples()[::-1]]
    header, numbers = model(small)
    graph = gzip.decompress((small / "backbone.onnx.gz").read_bytes())
    size = header["backbone"]["size"]
    session = ort.InferenceSession(graph)
    (found,) = session.run(["embedding"], {"image": probe_picture(size)[None]})
    np.testing.assert_allclose(array(header, numbers, "probe"), found[0], atol=1e-5)
    former, _ = model(plain)
    assert header["backbone"]["fingerprint"] != former["backbone"]["fingerprint"]
    if precision == "int8":
        levels = header["arrays"]["levels"]
        data = gzip.decompress((small / "model.bin.gz").read_bytes())
        (length,) = struct.unpack_from("<I", data, 4)
        found = np.frombuffer(data, np.int8, levels["length"], 8 + length + 4 * levels["start"])
        found = found.reshape(12, -1).astype(float)
        found /= np.linalg.norm(found, axis=1, keepdims=True)
        pictures = np.stack([to_square(image, size) for image in images])
        similar = (found * session.run(["embedding"], {"image": pictures})[0]).sum(axis=1)
        assert similar.min() > 0.9995
    weight = len(gzip.decompress((plain / "backbone.onnx.gz").read_bytes()))
    assert len(graph) < weight


def test_a_page_can_see_smaller_pictures_than_the_project_does(tmp_path: Path) -> None:
    path, small = tmp_path / "p.db", "efficientnet-lite0-160"
    with Classifier(path, backbone="efficientnet-lite0") as clf:
        for name in NAMES:
            for shift in range(2):
                clf.add(name, photo(name)[9 * shift :])
        usual = clf.backbone.fingerprint
    with Classifier(path, backbone=small) as clf:
        page = ExportedPage(clf.export(tmp_path / "page", "web"))
        pictures = np.stack([to_square(photo(name), 160) for name in NAMES])
        expected = [clf.predict(picture).probabilities for picture in pictures]
    assert (page.metadata.backbone, page.metadata.size) == (small, 160)
    answers = page.run(pictures)
    best = answers.probabilities.argmax(axis=1)
    assert tuple(page.metadata.classes[place].name for place in best) == NAMES
    for found, told in zip(answers.probabilities, expected, strict=True):
        np.testing.assert_allclose(found, [told[name] for name in NAMES], atol=1e-4)
    with Classifier(path, backbone="efficientnet-lite0") as clf:
        assert clf.backbone.fingerprint == usual
        assert len(clf.examples()) == 6


def test_a_network_may_take_one_picture_at_a_time(tmp_path: Path) -> None:
    path = write_network(tmp_path / "one.onnx", dims=(1, SIZE, SIZE))
    with Classifier(tmp_path / "p.db", backbone=path) as clf:
        for name in NAMES:
            clf.add(name, photo(name))
        page = ExportedPage(clf.export(tmp_path / "page", "web"))
        squares = np.stack([to_square(photo(name), SIZE) for name in NAMES])
        expected = [clf.embed(photo(name)) for name in NAMES]
        np.testing.assert_allclose(page.embed(squares), expected, atol=1e-5)


def test_an_option_must_have_a_meaning(taught: Classifier, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="web has no option any-size"):
        taught.export(tmp_path / "page", "web", any_size=True)
