"""Zips that are broken, or made to do harm."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import pytest

from classify_anything import Classifier
from classify_anything.errors import DatasetError
from tests.files import colored, write_zip

GOOD = colored(255, 0, 0)


def only_problem(clf: Classifier, path: Path) -> str:
    """Import a zip of one good picture and one bad thing; what is said of that."""
    report = clf.import_dataset(path)
    assert len(report.examples) == 1
    (problem,) = report.problems
    assert problem.message.startswith(problem.name)
    assert "\n" not in problem.message
    return problem.message


@pytest.mark.parametrize(
    "name", ["../evil/1.png", "A/../../1.png", "/etc/1.png", "C:/1.png", "..\\evil\\1.png"]
)
def test_names_that_lead_out_are_refused(clf: Classifier, tmp_path: Path, name: str) -> None:
    path = write_zip(tmp_path / "set.zip", {"A/1.png": GOOD, name: colored(0, 0, 255)})
    assert "leads out of the zip" in only_problem(clf, path)
    assert sorted(item.name for item in tmp_path.iterdir() if "db" not in item.name) == ["set.zip"]


def test_links_locked_files_and_zips_inside_are_refused(clf: Classifier, tmp_path: Path) -> None:
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
    assert "locked with a password" in only_problem(clf, path)
    clf.undo()
    inner = write_zip(tmp_path / "inner.zip", {"A/1.png": GOOD}).read_bytes()
    path = write_zip(tmp_path / "outer.zip", {"A/1.png": GOOD, "A/more.zip": inner})
    assert "a zip in a zip" in only_problem(clf, path)


def test_a_file_that_swells_is_not_swallowed(clf: Classifier, tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("A/1.png", GOOD)
        with archive.open("A/bomb.png", "w", force_zip64=True) as file:
            for _ in range(300):
                file.write(bytes(2**20))
    assert path.stat().st_size < 2**20
    assert "larger than 64 MB" in only_problem(clf, path)
    clf.undo()
    lying = bytearray(path.read_bytes())
    entry = lying.rindex(b"PK\x01\x02")
    lying[entry + 24 : entry + 28] = struct.pack("<I", 100)
    path.write_bytes(lying)
    assert "bomb.png" in only_problem(clf, path)


def test_a_damaged_file_in_a_zip_is_named(clf: Classifier, tmp_path: Path) -> None:
    path = write_zip(tmp_path / "set.zip", {"A/1.png": GOOD, "A/2.png": colored(0, 9, 0)})
    data = bytearray(path.read_bytes())
    start = data.index(b"\x89PNG", data.index(b"A/2.png"))
    data[start + 20] ^= 0xFF
    path.write_bytes(data)
    assert "damaged" in only_problem(clf, path)


def test_a_broken_directory_is_refused_whole(clf: Classifier, tmp_path: Path) -> None:
    whole = write_zip(tmp_path / "set.zip", {"A/1.png": GOOD}).read_bytes()
    for number, data in enumerate((whole[:-30], whole[: len(whole) // 2], b"", b"PK\x03\x04")):
        path = tmp_path / f"broken{number}.zip"
        path.write_bytes(data)
        with pytest.raises(DatasetError, match=rf"broken{number}.zip: not a zip, or damaged"):
            clf.import_dataset(path)
    assert clf.next_undo() is None


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_two_files_of_one_name_are_both_taken(clf: Classifier, tmp_path: Path) -> None:
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("A/1.png", GOOD)
        archive.writestr("A/1.png", colored(0, 0, 255))
    report = clf.import_dataset(path)
    assert [clf.image(id_)[0] for id_ in report.examples] == [GOOD, colored(0, 0, 255)]


def test_names_that_do_not_say_how_they_are_written_are_read(
    clf: Classifier, tmp_path: Path
) -> None:
    path = write_zip(tmp_path / "set.zip", {"KIND1/1.png": GOOD, "KIND2/1.png": colored(1, 1, 1)})
    data = path.read_bytes().replace(b"KIND1", "né€"[:2].encode() + b"ws"[:2])
    path.write_bytes(data.replace(b"KIND2", b"Caf\x82s"))
    clf.import_dataset(path)
    assert [item.name for item in clf.classes()] == ["Cafés", "néws"]
