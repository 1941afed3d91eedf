"""``watch`` predicts each new image, and ends when it should."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from classify_anything import Classifier
from classify_anything.datasets.capture import FolderWatcher, LatestFrame, images_below
from classify_anything.errors import ImageError
from classify_anything.images import MEDIA_TYPES
from tests.command import objects, run, run_process, start, taught
from tests.photos import encoded, plain
from tests.videos import BLUE, RED, write_video


@pytest.fixture
def desk(tmp_path: Path, tiny_backbone: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a project that knows mugs, which are red, and cups, which are blue."""
    project = taught(tmp_path, tiny_backbone)
    monkeypatch.setenv("CLASSIFY_ANYTHING_PROJECT", str(project))
    monkeypatch.setenv("CLASSIFY_ANYTHING_BACKBONE", str(tiny_backbone))
    return tmp_path


@contextmanager
def watching(*arguments: str | Path, **options: Any) -> Iterator[subprocess.Popen[str]]:
    process = start("watch", *arguments, **options)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def next_line(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.communicate()[1]
    found: dict[str, Any] = json.loads(line)
    return found


def end(process: subprocess.Popen[str], number: int = signal.SIGINT) -> tuple[int, str, str]:
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    return process.returncode, out, err


# --- videos


def test_every_frame_of_a_video_has_a_line(desk: Path) -> None:
    write_video(desk / "clip.avi", [RED] * 10 + [BLUE] * 10)
    before = datetime.now(UTC)
    done = run("watch", "clip.avi", "--fps", "5", cwd=desk)
    assert (done.returncode, done.stderr) == (0, "")
    lines = objects(done.stdout)
    assert [line["frame_time"] for line in lines] == [round(0.2 * n, 1) for n in range(10)]
    assert [line["label"] for line in lines] == ["mug"] * 5 + ["cup"] * 5
    for line in lines:
        assert line["source"] == "clip.avi"
        assert before.timestamp() - 1 < datetime.fromisoformat(line["time"]).timestamp()
        assert line["time"].endswith("+00:00")
        assert 0.9 < line["probability"] <= 1


def test_a_command_runs_only_at_each_change(desk: Path) -> None:
    write_video(desk / "clip.avi", [RED] * 3 + [BLUE] * 3 + [RED] * 3)
    script = (
        "import os, sys\n"
        "label, probability = (os.environ['CLASSIFY_ANYTHING_' + name]"
        " for name in ('LABEL', 'PROBABILITY'))\n"
        "print(*sys.argv[1:], label, float(probability) > 0.9)\n"
    )
    (desk / "say it.py").write_text(script)
    command = f"'{sys.executable}' 'say it.py' \"now a\" $HOME"
    done = run("watch", "clip.avi", "--changes-only", "--on-change", command, cwd=desk)
    assert done.returncode == 0
    assert [line["label"] for line in objects(done.stdout)] == ["mug", "cup", "mug"]
    assert done.stderr.splitlines() == [
        f"now a $HOME {label} {label} True" for label in ("mug", "cup", "mug")
    ]


def test_a_failing_command_does_not_end_it(desk: Path) -> None:
    write_video(desk / "clip.avi", [RED] * 3 + [BLUE] * 3)
    command = f"{sys.executable} -c 'raise SystemExit(3)'"
    done = run("watch", "clip.avi", "--on-change", command, "--fps", "10", cwd=desk)
    assert done.returncode == 0
    assert len(objects(done.stdout)) == 6
    assert done.stderr.count("exited with code 3.\n") == 2


def test_an_invalid_source_is_refused(desk: Path) -> None:
    (desk / "notes.txt").write_text("hello")
    for source, reason in [
        ("notes.txt", "notes.txt: not a supported video"),
        ("nowhere.mp4", "nowhere.mp4: No such file"),
        ("99", "camera 99: cannot be opened."),
        ("http://127.0.0.1:9/", "http://127.0.0.1:9/: cannot be opened."),
    ]:
        done = run_process("watch", source, cwd=desk)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
        assert done.stderr.startswith(f"Error: {reason}")


def test_without_opencv_one_line_names_what_to_install(desk: Path) -> None:
    write_video(desk / "clip.avi", [RED])
    script = (
        "import sys\n"
        "sys.modules['cv2'] = None\n"  # as Python marks a module that cannot be imported
        "from classify_anything.cli import main\n"
        "main()\n"
    )
    for source in ("0", "clip.avi"):
        done = subprocess.run(
            [sys.executable, "-c", script, "watch", source],
            cwd=desk,
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
        assert 'pip install "classify-anything[camera]"' in done.stderr


# --- folders


def test_each_new_image_of_a_folder_is_predicted_once(desk: Path) -> None:
    folder = desk / "inbox"
    folder.mkdir()
    (folder / "old.png").write_bytes(plain("red"))
    with watching(folder, "--existing") as process:
        first = next_line(process)
        assert (first["file"], first["label"]) == (str(folder / "old.png"), "mug")
        assert first["source"] == str(folder)
        (folder / "today").mkdir()
        (folder / "today" / "new.png").write_bytes(plain("blue"))
        assert next_line(process)["label"] == "cup"
        (folder / "bad.jpg").write_bytes(b"no image")
        bad = next_line(process)
        assert (bad["file"], bad["error"]["code"]) == (str(folder / "bad.jpg"), "bad_image")
        code, out, err = end(process)
    assert (code, out) == (0, "")
    assert err == f"Error: {bad['error']['message']}\n"


def test_examples_added_meanwhile_are_used(desk: Path, tiny_backbone: Path) -> None:
    folder = desk / "inbox"
    folder.mkdir()
    (folder / "1.png").write_bytes(plain("#00ff00"))
    with watching(folder, "--existing") as process:
        assert next_line(process)["label"] in {"mug", "cup"}
        with Classifier(desk / "desk.db", backbone=tiny_backbone) as clf:
            clf.add("plant", plain("#00ff00"))
        (folder / "2.png").write_bytes(plain("#00ff00"))
        assert next_line(process)["label"] == "plant"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly_on_a_signal(desk: Path, number: signal.Signals) -> None:
    folder = desk / "inbox"
    folder.mkdir()
    (folder / "1.png").write_bytes(plain("red"))
    with watching(folder, "--existing") as process:
        next_line(process)
        assert end(process, number) == (0, "", "")


def test_it_ends_quietly_when_its_output_is_closed(desk: Path) -> None:
    folder = desk / "inbox"
    folder.mkdir()
    (folder / "1.png").write_bytes(plain("red"))
    with watching(folder, "--existing") as process:
        next_line(process)
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        (folder / "2.png").write_bytes(plain("red"))
        assert process.wait(20) == 0
        assert process.stderr.read() == ""


def test_a_deleted_folder_is_an_error(desk: Path) -> None:
    folder = desk / "inbox"
    folder.mkdir()
    (folder / "1.png").write_bytes(plain("red"))
    with watching(folder, "--existing") as process:
        next_line(process)
        folder.rename(desk / "elsewhere")
        _, err = process.communicate(timeout=20)
        assert (process.returncode, err) == (
            1,
            f"Error: {folder}: the folder no longer exists.\n",
        )


def test_an_image_is_new_once_it_is_completely_written(tmp_path: Path) -> None:
    (tmp_path / "old.png").write_bytes(b"old")
    folder = FolderWatcher(tmp_path)
    assert (folder.poll(), folder.poll()) == ([], [])
    image = tmp_path / "new.png"
    with image.open("wb") as file:
        for part in (b"a", b"b", b"c"):
            file.write(part)
            file.flush()
            assert folder.poll() == []
    assert folder.poll() == [image]
    assert (folder.poll(), folder.poll()) == ([], [])


def test_an_overwritten_image_is_new(tmp_path: Path) -> None:
    image = tmp_path / "latest.jpg"
    image.write_bytes(b"one")
    folder = FolderWatcher(tmp_path, existing=True)
    assert (folder.poll(), folder.poll(), folder.poll()) == ([], [image], [])
    image.write_bytes(b"three")
    assert (folder.poll(), folder.poll(), folder.poll()) == ([], [image], [])
    image.unlink()
    assert folder.poll() == []
    image.write_bytes(b"three")
    assert (folder.poll(), folder.poll(), folder.poll()) == ([], [image], [])


def test_the_oldest_image_comes_first_and_other_files_are_ignored(tmp_path: Path) -> None:
    names = ("b.png", "a.jpg", "notes.txt", ".hidden.png", "c.part")
    for age, name in enumerate(names):
        (tmp_path / name).write_bytes(b"image")
        os.utime(tmp_path / name, (1000 + age, 1000 + age))
    folder = FolderWatcher(tmp_path, existing=True)
    folder.poll()
    assert folder.poll() == [tmp_path / "b.png", tmp_path / "a.jpg"]


def test_every_image_in_a_folder_is_found_through_links_too(tmp_path: Path) -> None:
    Image.init()
    readable = {ending for ending, name in Image.EXTENSION.items() if name in MEDIA_TYPES}
    names = sorted(f"picture{ending}" for ending in {*readable, ".heic", ".heif", ".avif"})
    root, far = tmp_path / "set", tmp_path / "far"
    for folder in (root / "a", root / "__MACOSX", far):
        folder.mkdir(parents=True)
    for file in (*(root / "a" / name for name in names), root / "__MACOSX/a.png", far / "b.JPG"):
        file.touch()
    (root / "link").symlink_to(far)
    (root / "a" / "loop").symlink_to(root)
    found = [path.relative_to(root).as_posix() for path in images_below(root)]
    assert found == [*(f"a/{name}" for name in names), "link/b.JPG"]


# --- cameras and streams


class Camera:
    """Stands for OpenCV's capture of a camera: gives the frames that a test puts in."""

    def __init__(self) -> None:
        self.frames: queue.Queue[int | None] = queue.Queue()
        self.all_read = threading.Event()
        self.released = threading.Event()

    def read(self) -> tuple[bool, Any]:
        if self.frames.empty():
            self.all_read.set()
        shade = self.frames.get()
        return shade is not None, np.full((4, 4, 3), shade or 0, np.uint8)

    def release(self) -> None:
        self.released.set()


def test_only_the_newest_frame_of_a_camera_is_returned() -> None:
    camera = Camera()
    for shade in range(100):
        camera.frames.put(shade)
    newest = LatestFrame(lambda: camera, "camera 0")
    assert camera.all_read.wait(20)
    assert newest.next()[0, 0].tolist() == [99, 99, 99]
    camera.frames.put(7)
    assert newest.next()[0, 0].tolist() == [7, 7, 7]
    camera.frames.put(None)
    with pytest.raises(ImageError, match="camera 0: the stream has ended"):
        newest.next()
    newest.close()
    assert camera.released.wait(20)


def test_a_camera_is_released_when_no_longer_watched() -> None:
    camera = Camera()
    newest = LatestFrame(lambda: camera, "camera 0")
    camera.frames.put(1)
    newest.next()
    camera.frames.put(2)
    newest.close()
    camera.frames.put(3)
    assert camera.released.wait(20)


class Stream(ThreadingHTTPServer):
    """A camera in the network: one JPEG after the other, red until the test switches it to blue."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Pictures)
        self.address = f"http://127.0.0.1:{self.server_port}/camera.mjpg"
        self.blue = threading.Event()
        self.ended = threading.Event()


class _Pictures(BaseHTTPRequestHandler):
    server: Stream

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        with suppress(ConnectionError):
            while not self.server.ended.wait(0.02):
                color = BLUE if self.server.blue.is_set() else RED
                data = encoded(np.full((48, 64, 3), color, np.uint8))
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                self.wfile.write(head.encode() + data + b"\r\n")

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def stream() -> Iterator[Stream]:
    with Stream() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.ended.set()
        server.shutdown()


def test_a_stream_is_watched_until_it_ends(desk: Path, stream: Stream) -> None:
    with watching(stream.address, "--changes-only", "--fps", "50") as process:
        first = next_line(process)
        assert (first["source"], first["label"]) == (stream.address, "mug")
        stream.blue.set()
        assert next_line(process)["label"] == "cup"
        stream.ended.set()
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err == f"Error: {stream.address}: the stream has ended.\n"


def test_a_stream_is_closed_on_a_signal(desk: Path, stream: Stream) -> None:
    with watching(stream.address, "--changes-only", "--fps", "50") as process:
        next_line(process)
        assert end(process) == (0, "", "")
