"""Fetching a backbone works, resumes, and reports every failure in one line."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from classify_anything.backbones import descriptions, hub_settings
from classify_anything.backbones.descriptions import Description
from classify_anything.backbones.fetch import pull
from classify_anything.backbones.model_spec import ModelSpec
from classify_anything.backbones.onnx_backbone import OnnxBackbone
from classify_anything.errors import DownloadError
from classify_anything.types import Progress
from tests.hub import COMMIT, Hub, run_hub
from tests.networks import pictures, write_network

NAME = "someone/network/onnx/model.onnx"


@pytest.fixture
def network(tmp_path: Path) -> bytes:
    path = write_network(tmp_path / "network.onnx", classifier="Gemm", classes=1001)
    return path.read_bytes()


@pytest.fixture
def hub(tmp_path: Path, network: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setenv("CLASSIFY_ANYTHING_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_DOWNLOAD_TIMEOUT", "1")
    with run_hub({NAME: network}) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.address)
        yield running


def description(sha256: str | None = None, file: str = "onnx/model.onnx") -> Description:
    return Description(
        name="tiny-network",
        origin=descriptions.Hub("someone/network", file, "main", 0.2, sha256),
        source="made in this test",
        license="Apache-2.0",
        form=ModelSpec(size=32),
        dimension=48,
        parameters=0.05,
        multiply_adds=0.0,
        top1=0.1,
    )


def folder() -> Path:
    return description().path.parent


def partials() -> list[int]:
    return [path.stat().st_size for path in folder().glob("*.partial")]


def test_a_network_is_fetched_once_and_works(hub: Hub, network: bytes) -> None:
    seen: list[Progress] = []
    path = pull(description(hashlib.sha256(network).hexdigest()), seen.append)
    assert path.read_bytes() == network
    assert seen[-1] == Progress(len(network), len(network))
    assert partials() == []
    backbone = OnnxBackbone(path, form=description().form)
    assert backbone.embed(pictures()).shape == (3, description().dimension)
    asked = len(hub.asked)
    assert pull(description()) == path
    assert len(hub.asked) == asked


def test_a_broken_connection_is_taken_up_where_it_ended(hub: Hub, network: bytes) -> None:
    hub.breaks_off = len(network) // 3 + 1
    assert pull(description()).read_bytes() == network
    assert hub.ranges == [None, *(f"bytes={hub.breaks_off * times}-" for times in (1, 2))]


def test_a_download_goes_on_where_another_one_ended(hub: Hub, network: bytes) -> None:
    hub.breaks_off = 1000
    stopped = pytest.raises(KeyboardInterrupt)
    with stopped:
        pull(description(), lambda progress: _stop_after(3000, progress))
    (had,) = partials()
    assert had >= 3000
    assert not description().is_here
    hub.breaks_off, before = None, len(hub.ranges)
    assert pull(description()).read_bytes() == network
    assert hub.ranges[before:] == [f"bytes={had}-"]


def _stop_after(count: int, progress: Progress) -> None:
    if progress.done >= count:
        raise KeyboardInterrupt


def test_of_a_hub_that_cannot_begin_in_the_middle_what_came_is_kept(
    hub: Hub, network: bytes
) -> None:
    hub.breaks_off, hub.knows_ranges = 5000, False
    with pytest.raises(DownloadError):
        pull(description())
    hub.breaks_off = 1000
    with pytest.raises(DownloadError):
        pull(description())
    assert partials() == [5000]
    hub.breaks_off = None
    assert pull(description()).read_bytes() == network


@pytest.mark.parametrize("before", [0, 5000])
def test_a_page_in_place_of_the_file_is_not_kept(hub: Hub, network: bytes, before: int) -> None:
    hub.sends, hub.breaks_off = network[:before] or None, before
    with pytest.raises(DownloadError):
        pull(description())
    hub.sends, hub.breaks_off = b"<html>Please log in</html>", None
    hub.kind, hub.knows_ranges = "text/html; charset=utf-8", False
    with pytest.raises(DownloadError, match="a page comes in place of the file; perhaps"):
        pull(description())
    assert partials() == [before]
    hub.sends, hub.kind, hub.knows_ranges = None, "application/octet-stream", True
    assert pull(description()).read_bytes() == network
    assert hub.ranges[-1] == (f"bytes={before}-" if before else None)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, "has no such repository, or wants a token; HF_TOKEN can give one (401)"),
        (403, "refuses; its licence may have to be accepted there, and a token given in HF_TOKEN"),
        (404, "has no such file (404)"),
        (418, "the hub refuses (418)"),
        (429, "asks to come less often; try again in a few minutes"),
        (500, "the hub has trouble (500); try again later"),
        (503, "the hub has trouble (503); try again later"),
    ],
)
def test_what_a_hub_refuses_is_told_in_one_line(hub: Hub, status: int, message: str) -> None:
    hub.status = status
    with pytest.raises(DownloadError) as caught:
        pull(description())
    assert str(caught.value).startswith("tiny-network from someone/network: the hub ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not description().is_here


def test_a_file_that_the_hub_does_not_have_is_told(hub: Hub) -> None:
    with pytest.raises(DownloadError, match=r"the hub has no such file \(404\)"):
        pull(description(file="onnx/other.onnx"))


def test_a_page_that_is_no_hub_is_not_taken_for_a_network(hub: Hub) -> None:
    hub.status = 200
    with pytest.raises(
        DownloadError, match=r"what answers at http://127\.0\.0\.1.+ is no model hub"
    ):
        pull(description())
    assert not description().is_here


def test_a_hub_that_hangs_is_not_waited_for_long(hub: Hub) -> None:
    hub.silent = 3
    with pytest.raises(DownloadError, match="the hub did not answer for 1 seconds"):
        pull(description())


def test_a_hub_that_hangs_in_the_middle_leaves_what_came(hub: Hub, network: bytes) -> None:
    def hang(progress: Progress) -> None:
        hub.silent = 3

    hub.breaks_off = 4000
    with pytest.raises(DownloadError, match="did not answer"):
        pull(description(), hang)
    assert partials() == [4000]
    hub.silent, hub.breaks_off = 0, None
    assert pull(description()).read_bytes() == network


def test_a_hub_that_cannot_be_reached_is_told(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(DownloadError, match=r"cannot be reached \(.+\)\. Without the internet"):
        pull(description())


def test_a_file_that_always_breaks_off_is_told(hub: Hub, network: bytes) -> None:
    hub.breaks_off = 0
    with pytest.raises(DownloadError, match="the hub broke off; the same command goes on"):
        pull(description())
    assert not description().is_here


def test_a_file_that_is_shorter_than_promised_is_kept_to_go_on(hub: Hub, network: bytes) -> None:
    hub.sends = network[:4000]
    with pytest.raises(DownloadError, match=r"the hub ended after 4,000 of \d+,\d+ bytes"):
        pull(description())
    assert partials() == [4000]
    hub.sends = None
    assert pull(description()).read_bytes() == network


@pytest.mark.parametrize("told_by", ["catalogue", "hub"])
def test_a_wrong_checksum_is_told_and_the_file_is_not_kept(
    hub: Hub, network: bytes, told_by: str
) -> None:
    if told_by == "catalogue":
        wanted, hub.is_lfs = description("0" * 64), False
    else:
        wanted = description()
        hub.sends = network[:-1] + bytes([network[-1] ^ 1])
    with pytest.raises(DownloadError, match=r"wrong checksum \(sha256 .{12}…, not .{12}…;"):
        pull(wanted)
    assert partials() == []
    assert not wanted.is_here


def test_another_file_than_the_catalogue_knows_is_not_fetched(hub: Hub) -> None:
    with pytest.raises(
        DownloadError, match=r"has another file \(sha256 .{12}…\) than the one that is known here"
    ):
        pull(description("0" * 64))
    assert hub.ranges == []


def test_a_hub_without_checksums_is_believed(hub: Hub, network: bytes) -> None:
    hub.is_lfs = False
    assert pull(description()).read_bytes() == network


def test_a_file_of_unknown_size_that_breaks_off_is_gone_on_with(hub: Hub, network: bytes) -> None:
    hub.tells_size = False
    hub.breaks_off = len(network) // 3 + 1
    assert pull(description()).read_bytes() == network
    assert len(hub.ranges) == 3


def test_a_file_of_unknown_size_that_is_whole_already_is_taken(hub: Hub, network: bytes) -> None:
    hub.tells_size = False
    folder().mkdir(parents=True)
    key = hashlib.sha256(network).hexdigest()[:12]
    (folder() / f"{description().path.name}.{key}.partial").write_bytes(network)
    assert pull(description()).read_bytes() == network
    assert partials() == []


def test_what_could_not_be_checked_at_all_is_not_fetched(hub: Hub) -> None:
    hub.tells_size = hub.is_lfs = False
    with pytest.raises(DownloadError, match="tells neither the size nor the checksum"):
        pull(description())
    assert hub.ranges == []
    assert not description().is_here


def test_what_was_fetched_once_is_known_again(hub: Hub, network: bytes) -> None:
    path = pull(description())
    (receipt,) = json.loads((folder() / "fetched.json").read_text()).values()
    assert receipt == {"sha256": hashlib.sha256(network).hexdigest(), "commit": COMMIT}
    path.unlink()
    assert pull(description()).read_bytes() == network
    path.unlink()
    hub.files[NAME] = network + b"another"
    with pytest.raises(DownloadError, match=r"the hub has another file by now .+fetched\.json"):
        pull(description())
    hub.is_lfs = False
    with pytest.raises(DownloadError, match="wrong checksum"):
        pull(description())
    (folder() / "fetched.json").unlink()
    assert pull(description()).read_bytes() == hub.files[NAME]


def test_more_bytes_than_promised_are_not_believed(hub: Hub, network: bytes) -> None:
    hub.is_lfs = False
    hub.sends = network + b"more"
    with pytest.raises(DownloadError, match=r"wrong size \([0-9,]+ bytes, not .+ and was deleted"):
        pull(description())
    assert partials() == []


@pytest.mark.parametrize("given", ["soon", "2.5", "nan", "inf", "0", "-1", "1e10", "99999"])
def test_a_timeout_that_is_no_number_is_told(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("HF_HUB_DOWNLOAD_TIMEOUT", given)
    with pytest.raises(DownloadError, match=f"is a number of seconds, not '{given}'"):
        pull(description())


@pytest.mark.parametrize(
    "given",
    ["127.0.0.1:7811", "ftp://127.0.0.1", "http://", "http://127.0.0.1:99999", "http://[::1"],
)
def test_an_address_that_is_none_is_told(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", given)
    with pytest.raises(DownloadError, match=f"the address of a hub.+, not '{re.escape(given)}'"):
        pull(description())


def test_what_is_set_to_nothing_is_not_set(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "")
    monkeypatch.setenv("HF_HUB_DOWNLOAD_TIMEOUT", " ")
    before = dict(os.environ)
    assert hub_settings.endpoint() == "https://huggingface.co"
    assert hub_settings.timeout() == 10
    assert dict(os.environ) == before
    monkeypatch.setenv("HF_ENDPOINT", f" {hub.address}/ ")
    assert hub_settings.endpoint() == hub.address


@pytest.mark.parametrize(("status", "port"), [(200, 0), (0, 9), (0, 99999)])
def test_a_password_is_not_told(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, status: int, port: int
) -> None:
    address = hub.address.replace("//", "//me:s3cret@")
    monkeypatch.setenv("HF_ENDPOINT", f"http://me:s3cret@127.0.0.1:{port}" if port else address)
    hub.status = status
    with pytest.raises(DownloadError) as caught:
        pull(description())
    assert "s3cret" not in str(caught.value)


def test_a_folder_that_cannot_be_made_is_told(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CLASSIFY_ANYTHING_CACHE", str(tmp_path / "file"))
    with pytest.raises(DownloadError, match=r"file/backbones: .+CLASSIFY_ANYTHING_CACHE"):
        pull(description())


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="needs a folder nobody may write")
def test_a_folder_that_may_not_be_written_is_told(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLASSIFY_ANYTHING_CACHE", "/sys/kernel")
    with pytest.raises(DownloadError, match=r"^/sys/kernel/backbones: not writable\."):
        pull(description())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is full")
def test_a_full_disk_is_told(hub: Hub, network: bytes) -> None:
    folder().mkdir(parents=True)
    key = hashlib.sha256(network).hexdigest()[:12]
    partial = folder() / f"{description().path.name}.{key}.partial"
    partial.symlink_to("/dev/full")
    with pytest.raises(DownloadError, match="no space left"):
        pull(description())
    assert not description().is_here
    partial.unlink()
    assert pull(description()).read_bytes() == network


def test_a_file_larger_than_the_disk_is_not_begun(hub: Hub) -> None:
    class Large(bytes):
        def __len__(self) -> int:
            return 1 << 60

    hub.files[NAME] = Large(b"x")
    with pytest.raises(DownloadError, match=r"1152921504606\.8 MB are needed, and .+ MB are free"):
        pull(description())
    assert hub.ranges == []


def test_two_at_once_do_not_disturb_each_other(hub: Hub) -> None:
    folder().mkdir(parents=True)
    with (
        FileLock(description().path.with_suffix(".lock")),
        pytest.raises(DownloadError, match="is being fetched already, by another process"),
    ):
        pull(description())


def test_what_is_remembered_of_downloads_is_one_folder(hub: Hub) -> None:
    pull(description())
    assert {path.suffix for path in folder().iterdir()} == {".onnx", ".lock", ".json"}
    assert dataclasses.replace(description(), name="other").is_here is False
    assert os.environ["CLASSIFY_ANYTHING_CACHE"] in str(folder())
