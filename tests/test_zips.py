"""Damaged and malicious zips."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path

import pytest

from classify_anything import Classifier
from classify_anything.datasets.files import zip_tree
from classify_anything.datasets.read import read_dataset
from classify_anything.errors import DatasetError
from classify_anything.project.importing import Import
from tests.files import colored, write_zip

GOOD = colored(255, 0, 0)
DEFLATED = 8


def write_swelling_zip(path: Path, name: str, megabytes: int) -> Path:
    """A small zip of one good picture, and a file of zeros that is large when it is unpacked."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    zeros = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    write_zip(path, {"A/1.png": GOOD, name: zeros * megabytes + packer.flush()})
    data = bytearray(path.read_bytes())
    local, central = data.index(name.encode()) - 30, data.rindex(b"PK\x01\x02")
    for place in (local + 8, central + 10):
        data[place] = DEFLATED
    for place in (local + 22, central + 24):
        data[place : place + 4] = struct.pack("<I", min(megabytes * 2**20, 2**32 - 2))
    path.write_bytes(data)
    return path


def only_problem(clf: Classifier, path: Path) -> str:
    """Import a zip of one good picture and one bad thing; return the message about that."""
    report = clf.import_dataset(path)
    assert len(report.examples) == 1
    (problem,) = report.problems
    assert problem.message.startswith(problem.name)
    assert "\n" not in problem.message
    return problem.message


def test_numbers_in_names_count_by_their_value_however_long(tmp_path: Path) -> None:
    names = ["A/2.png", "A/10.png", f"A/{'9' * 5000}.png"]
    tree = zip_tree(write_zip(tmp_path / "set.zip", dict.fromkeys(reversed(names), GOOD)))
    assert [str(entry.path) for entry in tree.entries] == names
    tree.close()


@pytest.mark.parametrize(
    "name", ["../evil/1.png", "A/../../1.png", "/etc/1.png", "C:/1.png", "C:\\1.png", "..\\1.png"]
)
def test_path_traversal_is_refused(clf: Classifier, tmp_path: Path, name: str) -> None:
    path = write_zip(tmp_path / "set.zip", {"A/1.png": GOOD, name: colored(0, 0, 255)})
    assert "leads out of the zip" in only_problem(clf, path)
    assert sorted(item.name for item in tmp_path.iterdir() if "db" not in item.name) == ["set.zip"]


def test_links_encrypted_files_and_nested_zips_are_refused(clf: Classifier, tmp_path: Path) -> None:
    path = tmp_path / "link.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("A/1.png", GOOD)
        link = zipfile.ZipInfo("A/2.png")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    assert "a link, not a file" in only_problem(clf, path)
    clf.undo()
    path = write_zip(tmp_path / "locked.zip", {"A/1.png": GOOD, "A/2.png": GOOD})
    locked = bytearray(path.read_bytes())
    second = locked.rindex(b"PK\x01\x02")
    locked[second + 8] |= 1
    path.write_bytes(locked)
    assert "encrypted zips are not supported" in only_problem(clf, path)
    clf.undo()
    inner = write_zip(tmp_path / "inner.zip", {"A/1.png": GOOD}).read_bytes()
    path = write_zip(tmp_path / "outer.zip", {"A/1.png": GOOD, "A/more.zip": inner})
    assert "nested zip files are not supported" in only_problem(clf, path)


def test_a_zip_bomb_is_refused(clf: Classifier, tmp_path: Path) -> None:
    path = write_swelling_zip(tmp_path / "bomb.zip", "A/bomb.png", 10_000)
    assert path.stat().st_size < 12 * 2**20
    assert "bomb.png: exceeds the limit of 64 MB" in only_problem(clf, path)
    clf.undo()
    lying = bytearray(path.read_bytes())
    size = lying.rindex(b"PK\x01\x02") + 24
    for claim, says in (
        (100, "damaged"),
        (0, "damaged"),
        (2**32 - 2, "exceeds the limit of 64 MB"),
    ):
        lying[size : size + 4] = struct.pack("<I", claim)
        path.write_bytes(lying)
        assert says in only_problem(clf, path)
        clf.undo()


def test_a_video_bomb_does_not_fill_the_disk(clf: Classifier, tmp_path: Path) -> None:
    path = write_swelling_zip(tmp_path / "bomb.zip", "A/bomb.mp4", 2_000)
    assert "bomb.mp4: exceeds 10 times the size of its zip" in only_problem(clf, path)
    tree = zip_tree(path)
    target = tmp_path / "bomb.mp4"
    with pytest.raises(DatasetError):
        tree.entries[1].unpack(target)
    assert target.stat().st_size <= 10 * path.stat().st_size
    tree.close()


def test_a_damaged_file_in_a_zip_is_named(clf: Classifier, tmp_path: Path) -> None:
    path = write_zip(tmp_path / "set.zip", {"A/1.png": GOOD, "A/2.png": colored(0, 9, 0)})
    data = bytearray(path.read_bytes())
    start = data.index(b"\x89PNG", data.index(b"A/2.png"))
    data[start + 20] ^= 0xFF
    path.write_bytes(data)
    assert "2.png: damaged" in only_problem(clf, path)
    clf.undo()
    for method in (9, 0xFF):
        central = data.rindex(b"PK\x01\x02")
        for place in (data.rindex(b"PK\x03\x04") + 8, central + 10):
            data[place] = method
        path.write_bytes(data)
        assert "compression method is not supported" in only_problem(clf, path)
        clf.undo()


def test_a_damaged_directory_is_refused(clf: Classifier, tmp_path: Path) -> None:
    whole = write_zip(tmp_path / "set.zip", {"A/1.png": GOOD}).read_bytes()
    for number, data in enumerate((whole[:-30], whole[: len(whole) // 2], b"", b"PK\x03\x04")):
        path = tmp_path / f"broken{number}.zip"
        path.write_bytes(data)
        with pytest.raises(DatasetError, match=rf"broken{number}.zip: not a zip, or damaged"):
            clf.import_dataset(path)
    assert clf.next_undo() is None


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_two_files_of_the_same_name_are_both_read(clf: Classifier, tmp_path: Path) -> None:
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("A/1.png", GOOD)
        archive.writestr("A/1.png", colored(0, 0, 255))
    report = clf.import_dataset(path)
    assert [clf.image(id_)[0] for id_ in report.examples] == [GOOD, colored(0, 0, 255)]


@pytest.mark.parametrize(
    ("name", "label"),
    [("./A/1.png", "A"), ("A/./1.png", "A"), ("A//1.png", "A"), ("A: tea/1.png", "A: tea")],
)
def test_odd_names_are_read(clf: Classifier, tmp_path: Path, name: str, label: str) -> None:
    report = clf.import_dataset(write_zip(tmp_path / "set.zip", {name: GOOD}))
    assert report.problems == ()
    assert [item.name for item in clf.classes()] == [label]


def test_a_file_without_a_name_is_refused(clf: Classifier, tmp_path: Path) -> None:
    path = write_zip(tmp_path / "set.zip", {"A/1.png": GOOD, "\0": colored(0, 0, 255)})
    assert "has no name" in only_problem(clf, path)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the system does not tell")
def test_a_zip_is_closed_after_reading(clf: Classifier, tmp_path: Path) -> None:
    path = write_zip(tmp_path / "set.zip", {"A/1.png": GOOD})
    dataset = read_dataset([path])
    Import(clf.project.store, clf.backbone, dataset).run()
    open_files = {file.resolve() for file in Path("/proc/self/fd").iterdir()}
    assert path.resolve() not in open_files


def test_names_without_a_declared_encoding_are_read(clf: Classifier, tmp_path: Path) -> None:
    names = {b"KIND1": "néws".encode(), b"KIND2": b"Caf\x82s", b"KIND3": "日本".encode("cp932")}
    files = {f"{kind.decode()}/1.png": colored(n, n, 1) for n, kind in enumerate(names)}
    path = write_zip(tmp_path / "set.zip", files)
    data = path.read_bytes()
    for kind, name in names.items():
        data = data.replace(kind, name.ljust(5))
    path.write_bytes(data)
    report = clf.import_dataset(path)
    assert (len(report.examples), report.problems) == (3, ())
    labels = {item.name for item in clf.classes()}
    assert {"néws", "Cafés"} < labels
    assert len(labels) == 3
