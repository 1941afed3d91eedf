"""Videos yield upright frames at the chosen rate, or one clear error."""

from __future__ import annotations

import io
import tracemalloc
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from classify_anything import Classifier
from classify_anything.datasets.video import ENDINGS, Frames, is_video, read_frames, read_pictures
from classify_anything.errors import ImageError, SettingError
from tests.command import run_process
from tests.videos import BLUE, RED, write_video

CODECS = {".avi": "MJPG", ".m4v": "mp4v", ".mkv": "MJPG", ".mov": "mp4v", ".mp4": "mp4v"}


def times(path: Path, frames: Frames) -> list[float]:
    return [round(time, 2) for time, _ in read_frames(path, frames)]


@pytest.mark.parametrize("ending", CODECS)
def test_frames_are_extracted_at_the_chosen_rate(tmp_path: Path, ending: str) -> None:
    path = write_video(tmp_path / f"clip{ending}", [RED] * 20, codec=CODECS[ending])
    assert times(path, Frames(rate=5)) == [round(0.2 * n, 2) for n in range(10)]
    assert times(path, Frames(rate=2)) == [0, 0.5, 1, 1.5]


def test_webm_recorded_by_a_browser_is_read(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.webm", [RED] * 20, codec="VP80")
    assert times(path, Frames(rate=5)) == [round(0.2 * n, 2) for n in range(10)]


def test_a_slower_video_yields_each_frame_once(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.avi", [RED] * 6, rate=3)
    assert len(times(path, Frames(rate=100))) == 6


def test_a_rate_that_does_not_divide_the_videos_own_is_kept_on_average(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.avi", [RED] * 100, rate=25)
    taken = times(path, Frames(rate=6))
    assert len(taken) == 24
    assert all(later - earlier < 1 / 6 + 1 / 25 for earlier, later in pairwise(taken))


def test_a_range_is_extracted(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", [RED] * 10 + [BLUE] * 10, codec="mp4v")
    pictures = list(read_pictures(path, Frames(rate=10, start=0.8, end=1.2)))
    assert [round(time, 1) for time, _ in pictures] == [0.8, 0.9, 1.0, 1.1]
    assert [int(picture[0, 0, 0]) > 128 for _, picture in pictures] == [True, True, False, False]


@pytest.mark.parametrize("ending", [".avi", ".mp4"])
def test_a_late_start_yields_the_remaining_frames(tmp_path: Path, ending: str) -> None:
    """The brightness of a frame tells its number; the reader has to jump to find it."""
    shades = [(n, n, n) for n in range(0, 240, 2)]
    path = write_video(tmp_path / f"clip{ending}", shades, rate=8, codec=CODECS[ending])
    for time, picture in read_pictures(path, Frames(rate=8, start=12, end=13)):
        assert abs(int(picture.mean()) - 16 * time) <= 4
    assert times(path, Frames(rate=4, start=12, end=13)) == [12, 12.25, 12.5, 12.75]


def test_colours_are_right_and_bytes_are_reproducible(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.avi", [RED, BLUE])
    first, again = list(read_frames(path, Frames(10))), list(read_frames(path, Frames(10)))
    assert first == again
    for (_, data), color in zip(first, (RED, BLUE), strict=True):
        picture = Image.open(io.BytesIO(data))
        assert (picture.format, picture.size) == ("JPEG", (64, 48))
        assert np.abs(np.asarray(picture).reshape(-1, 3).mean(0) - color).max() < 12


def test_a_video_that_was_filmed_upright_is_upright(tmp_path: Path) -> None:
    """Phones write lying frames, and in the track's header how they are to be turned."""
    path = write_video(tmp_path / "clip.mp4", [RED] * 3, codec="mp4v")
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 40
    one, minus_one, w = 0x10000, -0x10000, 0x40000000
    quarter = (0, one, 0, minus_one, 0, 0, 0, 0, w)
    data[matrix : matrix + 36] = b"".join(n.to_bytes(4, "big", signed=True) for n in quarter)
    path.write_bytes(data)
    (_, picture), *_ = read_pictures(path, Frames())
    assert picture.shape == (64, 48, 3)


def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.avi", [RED] * 400, size=(320, 240))
    frames = read_pictures(path, Frames(rate=10))
    next(frames)
    tracemalloc.start()
    try:
        assert sum(1 for _ in frames) == 399
        assert tracemalloc.get_traced_memory()[1] < 10 * 320 * 240 * 3
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty."),
        (b"hello" * 100, "not a supported video"),
        (b"#EXTM3U\n#EXTINF:1,\n/etc/hostname\n", "not a supported video"),
        (b"ffconcat version 1.0\nfile other.mp4\n", "not a supported video"),
        (b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 20, "damaged, truncated or empty"),
        (b"RIFF\0\0\0\0AVI " + bytes(500), "damaged, truncated or empty"),
    ],
)
def test_a_file_that_is_no_video_is_refused_by_name(
    tmp_path: Path, data: bytes, reason: str
) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(data)
    with pytest.raises(ImageError, match=reason) as caught:
        list(read_frames(path, Frames()))
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"none\.mp4: No such file"):
        list(read_frames(tmp_path / "none.mp4", Frames()))


def test_a_video_without_frames_is_refused(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.avi", [])
    with pytest.raises(ImageError, match=r"clip\.avi: the video"):
        list(read_frames(path, Frames()))


@pytest.mark.parametrize("ending", [".avi", ".mkv"])
def test_a_truncated_video_yields_its_frames_and_then_an_error(tmp_path: Path, ending: str) -> None:
    path = write_video(tmp_path / f"clip{ending}", [RED] * 100)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    taken = []
    with pytest.raises(ImageError, match=r"truncated at \d\.\d of 10\.0 seconds"):
        taken.extend(read_frames(path, Frames()))
    assert 15 < len(taken) < 35


def test_a_truncated_mp4_is_refused(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", [RED] * 20, codec="mp4v")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ImageError, match=r"clip\.mp4: .*damaged, truncated or empty"):
        list(read_frames(path, Frames()))


def test_a_start_after_the_end_of_the_video_is_an_error(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.avi", [RED] * 10)
    with pytest.raises(ImageError, match=r"ends at 0\.9 seconds, before the start \(7\.0\)"):
        list(read_frames(path, Frames(start=7)))


@pytest.mark.parametrize(
    "values",
    [
        {"rate": 0},
        {"rate": -1},
        {"rate": 1001},
        {"rate": float("nan")},
        {"rate": float("inf")},
        {"start": -1},
        {"start": float("nan")},
        {"start": float("inf")},
        {"start": 5, "end": 5},
        {"end": float("nan")},
    ],
)
def test_invalid_options_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(SettingError):
        Frames(**values)


def test_videos_are_recognised_by_extension() -> None:
    assert all(is_video(f"Clip{ending.upper()}") for ending in ENDINGS)
    assert not any(map(is_video, ("clip.jpg", "mp4", "clip.mp4.txt")))


def test_a_video_becomes_examples_once(clf: Classifier, tmp_path: Path) -> None:
    path = write_video(tmp_path / "mug.avi", [(n * 10, 0, 0) for n in range(20)])
    report = clf.import_dataset(path)
    assert (len(report.examples), report.known, report.problems) == (10, 0, ())
    examples = clf.examples("mug")
    assert {example.source for example in examples} == {"video"}
    assert len({example.recording_id for example in examples}) == 1
    assert clf.import_dataset(path).known == 10


def test_a_damaged_video_does_not_end_an_import(clf: Classifier, tmp_path: Path) -> None:
    folder = tmp_path / "mug"
    folder.mkdir()
    write_video(folder / "good.avi", [RED])
    (folder / "bad.mp4").write_bytes(b"no video")
    report = clf.import_dataset(folder)
    assert len(report.examples) == 1
    (problem,) = report.problems
    assert problem.message.startswith(str(folder / "bad.mp4"))


def test_the_command_line_prints_nothing_of_opencv_about_a_damaged_video(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"\0\0\0\x18ftypmp42" + bytes(500))
    done = run_process("import", "-p", tmp_path / "desk.db", path)
    assert str(path) in done.stderr
    assert "moov" not in done.stderr
    assert "WARN" not in done.stderr
