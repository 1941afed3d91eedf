"""Pictures come in from files: dropped or picked, in folders, zips and videos."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from playwright.sync_api import Browser, Locator, Route, expect

from tests.browser.chromium import context
from tests.browser.pages import ProjectPage
from tests.files import colored, write_tree, write_video, write_zip
from tests.server import RunningServer, run_server, start_server

PATIENCE = 30_000
"""Milliseconds for work in the background, on a slow machine."""


def shades(folder: str, numbers: Iterable[int]) -> dict[str, bytes]:
    """Files of a folder, each of another colour."""
    return {f"{folder}/{n}.png": colored(n % 256, n // 256, len(folder)) for n in numbers}


def counts(server: RunningServer) -> dict[str, int]:
    """The classes that have examples."""
    classes = server.http.get("/api/state").json()["classes"]
    return {info["name"]: info["examples"] for info in classes if info["examples"]}


def expect_count(page: ProjectPage, name: str, count: int) -> None:
    shown = page.card(name).get_by_test_id("class-count")
    expect(shown).to_have_text(str(count), timeout=PATIENCE)


def report(page: ProjectPage, text: str) -> Locator:
    toast = page.toast(text)
    expect(toast).to_be_visible(timeout=PATIENCE)
    return toast


def test_subfolders_of_a_picked_folder_become_classes(
    page: ProjectPage, server: RunningServer, tmp_path: Path
) -> None:
    files = shades("cats", range(3)) | shades("dogs", range(2))
    folder = write_tree(tmp_path / "animals", {**files, ".DS_Store": b"x"})
    page.pick_files("A folder…", folder)
    report(page, "5 examples added.").get_by_role("button", name="Undo")
    assert counts(server) == {"cats": 3, "dogs": 2}
    expect_count(page, "cats", 3)


def test_a_dropped_folder_can_be_undone(
    page: ProjectPage, server: RunningServer, tmp_path: Path
) -> None:
    folder = write_tree(tmp_path / "animals", shades("cats", range(120)))
    fall = page.drag(page.page.get_by_role("banner"), folder)
    expect(page.page.get_by_test_id("drop")).to_have_text("Drop to add to the project")
    fall()
    toast = report(page, "120 examples added.")
    expect(page.page.get_by_test_id("drop")).to_have_count(0)
    assert counts(server) == {"cats": 120}
    toast.get_by_role("button", name="Undo").click()
    expect(page.card("cats")).to_have_count(0)
    assert counts(server) == {}


def test_files_dropped_on_a_class_are_added_to_it(
    page: ProjectPage, server: RunningServer, tmp_path: Path
) -> None:
    folder = write_tree(tmp_path, {"1.png": colored(1, 2, 3), **shades("sub", range(2))})
    fall = page.drag(page.card("Class 2"), folder / "1.png", folder / "sub")
    expect(page.page.get_by_test_id("drop")).to_have_text("Drop to add to Class 2")
    fall()
    report(page, "3 examples added.")
    assert counts(server) == {"Class 2": 3}


def test_a_zip_is_added_without_known_pictures(
    page: ProjectPage, server: RunningServer, tmp_path: Path
) -> None:
    archive = write_zip(tmp_path / "set.zip", shades("mugs", range(4)) | shades("cups", range(3)))
    page.pick_files("Files…", archive)
    report(page, "7 examples added.")
    page.pick_files("Files…", archive)
    report(page, "Nothing added, 7 already there.")
    assert counts(server) == {"mugs": 4, "cups": 3}


def test_single_pictures_open_the_class_dialog(
    page: ProjectPage, server: RunningServer, tmp_path: Path
) -> None:
    write_tree(tmp_path, {"1.png": colored(1, 0, 0), "2.png": colored(2, 0, 0)})
    page.pick_files("Files…", tmp_path / "1.png", tmp_path / "2.png")
    dialog = page.page.get_by_role("dialog", name="Which class are these?")
    add = dialog.get_by_role("button", name="Add 2 pictures")
    expect(add).to_be_disabled()
    dialog.get_by_role("radio", name="Class 3").check()
    expect(add).to_be_enabled()
    dialog.get_by_role("textbox", name="A new class").fill("Pencil")
    add.click()
    report(page, "2 examples added.")
    assert counts(server) == {"Pencil": 2}


def test_closing_the_class_dialog_adds_nothing(
    page: ProjectPage, server: RunningServer, tmp_path: Path
) -> None:
    write_tree(tmp_path, {"1.png": colored(1, 0, 0)})
    page.drop(page.page.get_by_role("banner"), tmp_path / "1.png")
    dialog = page.page.get_by_role("dialog", name="Which class is this?")
    expect(dialog).to_be_visible()
    page.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert counts(server) == {}


def test_unusable_files_are_skipped_and_listed(
    page: ProjectPage, server: RunningServer, tmp_path: Path
) -> None:
    broken = {"mugs/broken.jpg": b"\xff\xd8\xff not a picture", "mugs/empty.png": b""}
    folder = write_tree(tmp_path / "set", {**shades("mugs", range(3)), **broken})
    page.pick_files("A folder…", folder)
    toast = report(page, "3 examples added, 2 left out.")
    toast.get_by_role("button", name="Show what was left out").click()
    listed = page.page.get_by_role("dialog", name="2 left out").get_by_role("listitem")
    expect(listed).to_have_count(2)
    expect(listed.filter(has_text="broken.jpg")).to_have_count(1)
    expect(listed.filter(has_text="empty.png")).to_have_count(1)
    page.page.keyboard.press("Escape")
    expect(listed).to_have_count(0)
    assert counts(server) == {"mugs": 3}


def test_skipped_files_can_be_shown_later(page: ProjectPage, tmp_path: Path) -> None:
    write_zip(tmp_path / "set.zip", {"mugs/1.png": colored(1, 2, 3)})
    write_tree(tmp_path, {"notes.txt": b"Buy milk."})
    page.drop(page.page.get_by_role("banner"), tmp_path / "set.zip", tmp_path / "notes.txt")
    report(page, "1 example added, 1 left out.").get_by_role("button", name="Close").click()
    page.page.get_by_role("button", name="Add pictures", exact=True).click()
    page.page.get_by_role("button", name="What was left out…").click()
    left = page.page.get_by_role("dialog").get_by_test_id("left-out")
    expect(left).to_have_text("notes.txt is not a picture, a video or a zip.")


def test_a_file_that_is_not_a_picture_is_rejected(page: ProjectPage, tmp_path: Path) -> None:
    write_tree(tmp_path, {"notes.txt": b"Buy milk."})
    page.drop(page.page.get_by_role("banner"), tmp_path / "notes.txt")
    report(page, "notes.txt is not a picture, a video or a zip.")


def test_a_cancelled_import_does_not_change_the_project(
    page: ProjectPage, server: RunningServer, tmp_path: Path
) -> None:
    page.click("Class 1")
    before = counts(server)
    archive = write_zip(tmp_path / "set.zip", shades("mugs", range(3000)))
    page.pick_files("Files…", archive)
    progress = page.page.get_by_test_id("progress")
    expect(progress).to_contain_text("Adding pictures", timeout=PATIENCE)
    progress.get_by_role("button", name="Cancel").click()
    report(page, "Cancelled. The project is unchanged.")
    expect(progress).to_have_count(0)
    expect(page.card("mugs")).to_have_count(0)
    assert counts(server) == before


def test_a_failed_import_does_not_change_the_project_and_shows_the_reason(
    page: ProjectPage, server: RunningServer, tmp_path: Path
) -> None:
    page.pick_files("Files…", write_zip(tmp_path / "set.zip", {}))
    toast = report(page, "The project is unchanged.")
    expect(toast).to_contain_text("no images in it")
    assert counts(server) == {}


def test_predictions_continue_during_an_import(page: ProjectPage, tmp_path: Path) -> None:
    page.click("Class 1")
    archive = write_zip(tmp_path / "set.zip", shades("mugs", range(1000)))
    page.pick_files("Files…", archive)
    progress = page.page.get_by_test_id("progress")
    expect(progress).to_contain_text("Adding pictures", timeout=PATIENCE)
    page.click("Class 1")
    assert page.count("Class 1") == 2
    expect(page.page.get_by_test_id("rate")).to_contain_text("/s")
    report(page, "1,000 examples added.")


def test_frames_of_a_video_become_one_recording(
    page: ProjectPage, server: RunningServer, tmp_path: Path
) -> None:
    video = write_video(tmp_path / "clip.webm", frames=40, rate=10)
    page.pick_files("Files…", video)
    dialog = page.page.get_by_role("dialog", name="clip.webm")
    expect(dialog).to_be_visible(timeout=PATIENCE)
    dialog.get_by_role("slider", name="From").fill("2")
    dialog.get_by_role("combobox", name="Pictures per second").select_option("5")
    dialog.get_by_role("radio", name="Class 4").check()
    dialog.get_by_role("button", name="Add 10 pictures").click()
    toast = report(page, "10 examples added to Class 4.")
    examples = server.http.get("/api/examples").json()["examples"]
    assert len(examples) == 10
    assert {example["source"] for example in examples} == {"video"}
    assert len({example["recording_id"] for example in examples}) == 1
    assert {(example["width"], example["height"]) for example in examples} == {(224, 224)}
    toast.get_by_role("button", name="Undo").click()
    expect_count(page, "Class 4", 0)


def test_a_folder_with_videos_opens_the_rate_dialog(
    page: ProjectPage, server: RunningServer, tmp_path: Path
) -> None:
    folder = write_tree(tmp_path / "set", shades("mugs", range(2)))
    (folder / "cups").mkdir()
    write_video(folder / "cups" / "clip.mp4", frames=40, rate=10)
    page.pick_files("A folder…", folder)
    dialog = page.page.get_by_role("dialog", name="1 video found")
    dialog.get_by_role("combobox", name="Pictures per second").select_option("2")
    dialog.get_by_role("button", name="Add 3 files").click()
    report(page, "10 examples added.")
    assert counts(server) == {"mugs": 2, "cups": 8}


def test_a_cancelled_video_adds_nothing(
    page: ProjectPage, server: RunningServer, tmp_path: Path
) -> None:
    page.click("Class 1")
    video = write_video(tmp_path / "clip.webm", frames=600, rate=10)
    page.drop(page.card("Class 2"), video)
    dialog = page.page.get_by_role("dialog", name="clip.webm")
    expect(dialog.get_by_role("radio", name="Class 2")).to_be_checked(timeout=PATIENCE)
    dialog.get_by_role("combobox", name="Pictures per second").select_option("10")
    dialog.get_by_role("button", name="Add 600 pictures").click()
    expect(page.card("Class 2").get_by_test_id("class-count")).not_to_have_text(
        "0", timeout=PATIENCE
    )
    page.page.get_by_test_id("progress").get_by_role("button", name="Cancel").click()
    report(page, "Cancelled. The project is unchanged.")
    assert counts(server) == {"Class 1": 1}


def test_an_unreadable_video_shows_an_error(page: ProjectPage, tmp_path: Path) -> None:
    write_tree(tmp_path, {"clip.mp4": b"not a video"})
    page.pick_files("Files…", tmp_path / "clip.mp4")
    report(page, "clip.mp4: this browser finds no pictures in it.")


def test_a_lost_response_does_not_end_an_import(page: ProjectPage, tmp_path: Path) -> None:
    lost = []

    def lose(route: Route) -> None:
        lost.append(route.request.url)
        route.abort("connectionrefused")

    page.page.route("**/api/imports/*", lose, times=2)
    page.pick_files("Files…", write_zip(tmp_path / "set.zip", shades("mugs", range(30))))
    report(page, "30 examples added.")
    assert len(lost) == 2


def test_an_import_that_cannot_be_undone_shows_a_message(
    page: ProjectPage, server: RunningServer, tmp_path: Path
) -> None:
    polls = re.compile(r"/api/imports/\w+$")
    page.page.route(
        polls,
        lambda route: (
            route.abort("connectionrefused") if route.request.method == "GET" else route.continue_()
        ),
    )
    page.pick_files("Files…", write_zip(tmp_path / "set.zip", shades("mugs", range(30))))
    progress = page.page.get_by_test_id("progress")
    expect(progress).to_contain_text("Waiting for the server", timeout=PATIENCE)
    expect(page.card("mugs").get_by_test_id("class-count")).to_have_text("30")
    server.http.post("/api/classes", json={"name": "Between"})
    progress.get_by_role("button", name="Cancel").click()
    toast = report(page, "Cancelled. But everything was already added")
    expect(toast).to_contain_text("something else has changed since. Undo that first.")
    assert counts(server) == {"mugs": 30}


def test_an_import_into_a_killed_server_reports_what_was_added(
    watching: Browser, tmp_path: Path, tiny_backbone: Path
) -> None:
    project = tmp_path / "desk.db"
    archive = write_zip(tmp_path / "set.zip", shades("mugs", range(3000)))
    with start_server(project, "--backbone", tiny_backbone) as server:
        page = ProjectPage(context(watching), server.url)
        page.wait_until_live()
        page.pick_files("Files…", archive)
        expect(page.card("mugs").get_by_test_id("class-count")).not_to_have_text("0")
        server.kill()
        progress = page.page.get_by_test_id("progress")
        expect(progress).to_contain_text("Waiting for the server")
    with run_server(project, tiny_backbone, port=server.port) as server:
        report(page, "The program has restarted. The examples added so far are still")
        assert 0 < counts(server)["mugs"] < 3000
        page.page.get_by_role("button", name="Undo", exact=True).first.click()
        expect(page.card("mugs")).to_have_count(0)
        page.page.context.close()


def test_video_frames_that_cannot_be_undone_are_reported(
    watching: Browser, tmp_path: Path, tiny_backbone: Path
) -> None:
    video = write_video(tmp_path / "clip.webm", frames=600, rate=10)
    with start_server(tmp_path / "desk.db", "--backbone", tiny_backbone) as server:
        page = ProjectPage(context(watching), server.url)
        page.wait_until_live()
        page.drop(page.card("Class 2"), video)
        dialog = page.page.get_by_role("dialog", name="clip.webm")
        expect(dialog.get_by_role("radio", name="Class 2")).to_be_checked(timeout=PATIENCE)
        dialog.get_by_role("combobox", name="Pictures per second").select_option("10")
        dialog.get_by_role("button", name="Add 600 pictures").click()
        expect(page.card("Class 2").get_by_test_id("class-count")).not_to_have_text("0")
        server.kill()
        report(page, "could not be undone. Undo them when the server is back.")
        page.page.context.close()
