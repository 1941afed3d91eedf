"""Downloads complete, resume, and report every failure in one line."""

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
        source="this test",
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


def test_a_backbone_is_downloaded_once_and_works(hub: Hub, network: bytes) -> None:
    reports: list[Progress] = []
    path = pull(description(hashlib.sha256(network).hexdigest()), reports.append)
    assert path.read_bytes() == network
    assert reports[-1] == Progress(len(network), len(network))
    assert partials() == []
    backbone = OnnxBackbone(path, form=description().form)
    assert backbone.embed(pictures()).shape == (3, description().dimension)
    asked = len(hub.asked)
    assert pull(description()) == path
    assert len(hub.asked) == asked


def test_a_lost_connection_is_resumed(hub: Hub, network: bytes) -> None:
    hub.breaks_off = len(network) // 3 + 1
    assert pull(description()).read_bytes() == network
    assert hub.ranges == [None, *(f"bytes={hub.breaks_off * times}-" for times in (1, 2))]


def test_a_later_call_resumes_a_download(hub: Hub, network: bytes) -> None:
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


def test_the_partial_file_is_kept_if_the_hub_ignores_ranges(hub: Hub, network: bytes) -> None:
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
def test_a_web_page_instead_of_the_file_is_discarded(hub: Hub, network: bytes, before: int) -> None:
    hub.sends, hub.breaks_off = network[:before] or None, before
    with pytest.raises(DownloadError):
        pull(description())
    hub.sends, hub.breaks_off = b"<html>Please log in</html>", None
    hub.kind, hub.knows_ranges = "text/html; charset=utf-8", False
    with pytest.raises(DownloadError, match="the hub sent a web page instead of the file"):
        pull(description())
    assert partials() == [before]
    hub.sends, hub.kind, hub.knows_ranges = None, "application/octet-stream", True
    assert pull(description()).read_bytes() == network
    assert hub.ranges[-1] == (f"bytes={before}-" if before else None)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, "has no such repository, or requires a token; set HF_TOKEN (401)"),
        (403, "denies access; you may have to accept the licence there, and set HF_TOKEN (403)"),
        (404, "has no such file (404)"),
        (418, "the hub refuses the request (418)"),
        (429, "is rate-limiting requests; try again in a few minutes"),
        (500, "the hub has an internal error (500); try again later"),
        (503, "the hub has an internal error (503); try again later"),
    ],
)
def test_error_for_each_status_is_one_line(hub: Hub, status: int, message: str) -> None:
    hub.status = status
    with pytest.raises(DownloadError) as caught:
        pull(description())
    assert str(caught.value).startswith("tiny-network from someone/network: the hub ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not description().is_here


def test_error_for_a_file_that_is_not_on_the_hub(hub: Hub) -> None:
    with pytest.raises(DownloadError, match=r"the hub has no such file \(404\)"):
        pull(description(file="onnx/other.onnx"))


def test_error_for_a_server_that_is_not_a_hub(hub: Hub) -> None:
    hub.status = 200
    with pytest.raises(DownloadError, match=r"http://127\.0\.0\.1.+ is not on a model hub"):
        pull(description())
    assert not description().is_here


def test_timeout_before_the_answer(hub: Hub) -> None:
    hub.silent = 3
    with pytest.raises(DownloadError, match="the hub did not answer within 1 s"):
        pull(description())


def test_timeout_during_the_download_keeps_the_partial_file(hub: Hub, network: bytes) -> None:
    def hang(progress: Progress) -> None:
        hub.silent = 3

    hub.breaks_off = 4000
    with pytest.raises(DownloadError, match="did not answer"):
        pull(description(), hang)
    assert partials() == [4000]
    hub.silent, hub.breaks_off = 0, None
    assert pull(description()).read_bytes() == network


def test_error_for_an_unreachable_hub(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(DownloadError, match=r"is unreachable \(.+\)\. Without internet access"):
        pull(description())


def test_error_for_a_hub_that_always_disconnects(hub: Hub, network: bytes) -> None:
    hub.breaks_off = 0
    with pytest.raises(DownloadError, match="the hub disconnected; run the same command again"):
        pull(description())
    assert not description().is_here


def test_a_file_that_is_too_short_is_kept_and_resumed(hub: Hub, network: bytes) -> None:
    hub.sends = network[:4000]
    with pytest.raises(DownloadError, match=r"the hub disconnected after 4,000 of \d+,\d+ bytes"):
        pull(description())
    assert partials() == [4000]
    hub.sends = None
    assert pull(description()).read_bytes() == network


@pytest.mark.parametrize("known_from", ["catalogue", "hub"])
def test_a_file_with_a_wrong_checksum_is_deleted(hub: Hub, network: bytes, known_from: str) -> None:
    if known_from == "catalogue":
        wanted, hub.is_lfs = description("0" * 64), False
    else:
        wanted = description()
        hub.sends = network[:-1] + bytes([network[-1] ^ 1])
    with pytest.raises(DownloadError, match=r"wrong checksum \(sha256 .{12}…, expected .{12}…;"):
        pull(wanted)
    assert partials() == []
    assert not wanted.is_here


def test_a_file_that_differs_from_the_catalogue_is_not_downloaded(hub: Hub) -> None:
    with pytest.raises(DownloadError, match=r"file \(sha256 .{12}…\) is not the expected one"):
        pull(description("0" * 64))
    assert hub.ranges == []


def test_a_hub_may_provide_no_checksum(hub: Hub, network: bytes) -> None:
    hub.is_lfs = False
    assert pull(description()).read_bytes() == network


def test_a_file_of_unknown_size_is_resumed(hub: Hub, network: bytes) -> None:
    hub.tells_size = False
    hub.breaks_off = len(network) // 3 + 1
    assert pull(description()).read_bytes() == network
    assert len(hub.ranges) == 3


def test_a_complete_partial_file_of_unknown_size_is_used(hub: Hub, network: bytes) -> None:
    hub.tells_size = False
    folder().mkdir(parents=True)
    key = hashlib.sha256(network).hexdigest()[:12]
    (folder() / f"{description().path.name}.{key}.partial").write_bytes(network)
    assert pull(description()).read_bytes() == network
    assert partials() == []


def test_a_file_that_cannot_be_verified_is_not_downloaded(hub: Hub) -> None:
    hub.tells_size = hub.is_lfs = False
    with pytest.raises(DownloadError, match="provides neither the size nor the checksum"):
        pull(description())
    assert hub.ranges == []
    assert not description().is_here


def test_a_file_that_has_changed_since_the_last_download_is_rejected(
    hub: Hub, network: bytes
) -> None:
    path = pull(description())
    (receipt,) = json.loads((folder() / "fetched.json").read_text()).values()
    assert receipt == {"sha256": hashlib.sha256(network).hexdigest(), "commit": COMMIT}
    path.unlink()
    assert pull(description()).read_bytes() == network
    path.unlink()
    hub.files[NAME] = network + b"another"
    with pytest.raises(DownloadError, match=r"file .+ has changed since .+fetched\.json"):
        pull(description())
    hub.is_lfs = False
    with pytest.raises(DownloadError, match="wrong checksum"):
        pull(description())
    (folder() / "fetched.json").unlink()
    assert pull(description()).read_bytes() == hub.files[NAME]


def test_a_file_that_is_too_long_is_deleted(hub: Hub, network: bytes) -> None:
    hub.is_lfs = False
    hub.sends = network + b"more"
    with pytest.raises(
        DownloadError, match=r"wrong size \([0-9,]+ bytes, expected .+ and was deleted"
    ):
        pull(description())
    assert partials() == []


@pytest.mark.parametrize("given", ["soon", "2.5", "nan", "inf", "0", "-1", "1e10", "99999"])
def test_error_for_an_invalid_timeout(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("HF_HUB_DOWNLOAD_TIMEOUT", given)
    with pytest.raises(DownloadError, match=f"Invalid HF_HUB_DOWNLOAD_TIMEOUT '{given}'"):
        pull(description())


@pytest.mark.parametrize(
    "given",
    ["127.0.0.1:7811", "ftp://127.0.0.1", "http://", "http://127.0.0.1:99999", "http://[::1"],
)
def test_error_for_an_invalid_endpoint(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", given)
    with pytest.raises(DownloadError, match=f"Invalid HF_ENDPOINT '{re.escape(given)}'"):
        pull(description())


def test_empty_settings_mean_the_defaults(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "")
    monkeypatch.setenv("HF_HUB_DOWNLOAD_TIMEOUT", " ")
    before = dict(os.environ)
    assert hub_settings.endpoint() == "https://huggingface.co"
    assert hub_settings.timeout() == 10
    assert dict(os.environ) == before
    monkeypatch.setenv("HF_ENDPOINT", f" {hub.address}/ ")
    assert hub_settings.endpoint() == hub.address


@pytest.mark.parametrize(("status", "port"), [(200, 0), (0, 9), (0, 99999)])
def test_errors_hide_the_password(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, status: int, port: int
) -> None:
    address = hub.address.replace("//", "//me:s3cret@")
    monkeypatch.setenv("HF_ENDPOINT", f"http://me:s3cret@127.0.0.1:{port}" if port else address)
    hub.status = status
    with pytest.raises(DownloadError) as caught:
        pull(description())
    assert "s3cret" not in str(caught.value)


def test_error_for_a_folder_that_cannot_be_created(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CLASSIFY_ANYTHING_CACHE", str(tmp_path / "file"))
    with pytest.raises(DownloadError, match=r"file/backbones: .+CLASSIFY_ANYTHING_CACHE"):
        pull(description())


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="needs a read-only folder")
def test_error_for_a_read_only_folder(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLASSIFY_ANYTHING_CACHE", "/sys/kernel")
    with pytest.raises(DownloadError, match=r"^/sys/kernel/backbones: not writable\."):
        pull(description())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full disk")
def test_error_for_a_full_disk(hub: Hub, network: bytes) -> None:
    folder().mkdir(parents=True)
    key = hashlib.sha256(network).hexdigest()[:12]
    partial = folder() / f"{description().path.name}.{key}.partial"
    partial.symlink_to("/dev/full")
    with pytest.raises(DownloadError, match="no space left"):
        pull(description())
    assert not description().is_here
    partial.unlink()
    assert pull(description()).read_bytes() == network


def test_a_file_larger_than_the_disk_is_not_downloaded(hub: Hub) -> None:
    class Large(bytes):
        def __len__(self) -> int:
            return 1 << 60

    hub.files[NAME] = Large(b"x")
    with pytest.raises(DownloadError, match=r"needs 1152921504606\.8 MB, but only .+ MB are free"):
        pull(description())
    assert hub.ranges == []


def test_a_second_process_does_not_download_the_same_file(hub: Hub) -> None:
    folder().mkdir(parents=True)
    with (
        FileLock(description().path.with_suffix(".lock")),
        pytest.raises(DownloadError, match="another process is already downloading it"),
    ):
        pull(description())


def test_downloads_and_records_are_in_one_folder(hub: Hub) -> None:
    pull(description())
    assert {path.suffix for path in folder().iterdir()} == {".onnx", ".lock", ".json"}
    assert dataclasses.replace(description(), name="other").is_here is False
    assert os.environ["CLASSIFY_ANYTHING_CACHE"] in str(folder())
