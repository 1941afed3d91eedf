"""Fetch one file from the model hub: resume where it broke off, and check its checksum.

Not with huggingface_hub.hf_hub_download (2.4): it deletes what came when it fails, so that no later
call can resume; it resumes inside one call only after 10 MB, so a line that breaks more often never
gets the file; it compares the size alone, and keeps a file with a wrong byte; and of a failure it
logs several lines.

The package huggingface_hub knows the hub: its address (HF_ENDPOINT), a token (HF_TOKEN), a proxy
(HTTPS_PROXY), and whether to stay offline (HF_HUB_OFFLINE).
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import re
import shutil
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from classify_anything.backbones.backbone import one_line
from classify_anything.backbones.descriptions import Hub
from classify_anything.backbones.download_records import NAME as RECEIPTS
from classify_anything.backbones.download_records import keep_receipt, known_sha256
from classify_anything.backbones.files import kept_in
from classify_anything.backbones.hub_settings import endpoint, timeout, without_password
from classify_anything.errors import DownloadError, MissingExtraError
from classify_anything.types import Progress

_SHA256 = re.compile(r"[0-9a-f]{64}")
_PAUSE = 0.5
"""Seconds before a broken connection is tried again."""


@dataclass(frozen=True, slots=True)
class _Promise:
    """What the hub says of a file before it is fetched; ``etag`` is another for another file."""

    url: str
    size: int | None
    etag: str
    commit: str

    @property
    def sha256(self) -> str | None:
        return self.etag if _SHA256.fullmatch(self.etag) else None


def download(name: str, hub: Hub, target: Path, progress: Callable[[Progress], object]) -> None:
    """Fetch a file; ``target`` is there afterwards, or is not at all.

    What was fetched before an error stays beside it, and is not fetched again, unless its checksum
    is wrong.

    Raises:
        MissingExtraError: huggingface_hub is not installed.
        DownloadError: the hub cannot be reached, refuses, does not answer or breaks off; the file
            is not what was promised; or it cannot be kept.
    """
    if importlib.util.find_spec("huggingface_hub") is None:
        raise MissingExtraError(
            f'{name} comes from a model hub: pip install "classify-anything[hub]"'
        )
    from filelock import FileLock, Timeout  # noqa: PLC0415 - comes with huggingface_hub

    with kept_in(target.parent):
        try:
            with FileLock(target.with_suffix(".lock"), timeout=0):
                _Download(name, hub, target, progress).run()
        except Timeout as error:
            raise DownloadError(f"{name} is being fetched already, by another process.") from error


class _Download:
    def __init__(
        self, name: str, hub: Hub, target: Path, progress: Callable[[Progress], object]
    ) -> None:
        self._timeout, self._endpoint = timeout(), endpoint()
        try:
            import huggingface_hub  # noqa: PLC0415 - an extra, and takes 0.3 s
        except ValueError as error:
            raise DownloadError(f"huggingface_hub cannot read its settings ({error}).") from error

        self._hf: Any = huggingface_hub
        self._name, self._hub = name, hub
        self._target, self._progress = target, progress

    def run(self) -> None:
        promise = self._ask()
        folder = self._target.parent
        before = known_sha256(folder, self._hub)
        expected = self._hub.sha256 or before or promise.sha256
        if self._hub.sha256 and promise.sha256 not in (None, self._hub.sha256):
            raise DownloadError(
                f"{self._name} from {self._hub.repository}: the hub has another file "
                f"(sha256 {promise.etag[:12]}…) than the one that is known here "
                f"({self._hub.sha256[:12]}…), so it is not fetched."
            )
        if before and before == expected and promise.sha256 not in (None, before):
            raise DownloadError(
                f"{self._name} from {self._hub.repository}: the hub has another file by now "
                f"(sha256 {promise.etag[:12]}…) than the one that was fetched before "
                f"({before[:12]}…). To take it all the same, delete {folder / RECEIPTS}."
            )
        if promise.size is None and expected is None:
            raise DownloadError(
                f"{self._name} from {self._hub.repository}: the hub tells neither the size nor the "
                "checksum of the file, so what comes could not be checked."
            )
        version = re.sub(r"\W", "", expected or promise.etag)[:12]
        partial = self._target.with_name(f"{self._target.name}.{version}.partial")
        self._check_space(promise, partial)
        self._fetch(promise, partial)
        found = self._check(promise, partial, expected)
        partial.replace(self._target)
        keep_receipt(folder, self._hub, found, promise.commit)

    def _fetch(self, promise: _Promise, partial: Path) -> None:
        """Fetch it, and after a break what is missing, until it is whole or nothing more comes."""
        while promise.size is None or _size(partial) < promise.size:
            before = _size(partial)
            try:
                self._append(promise, partial)
            except _BrokenOffError as error:
                if _size(partial) <= before:
                    raise self._told(error.reason) from error.reason
                time.sleep(_PAUSE)
            else:
                if promise.size is None or _size(partial) <= before:
                    return

    def _ask(self) -> _Promise:
        hub, endpoint = self._hub, self._endpoint
        try:
            url = self._hf.hf_hub_url(
                hub.repository, hub.file, revision=hub.revision, endpoint=endpoint
            )
            told = self._hf.get_hf_file_metadata(url, timeout=self._timeout, endpoint=endpoint)
        except Exception as error:
            raise self._told(error) from error
        if told.commit_hash is None:
            raise DownloadError(
                f"{self._name}: what answers at {without_password(url)} is no model hub; perhaps "
                "the network wants a login first, or HF_ENDPOINT is wrong."
            )
        return _Promise(url, told.size or None, told.etag or "", told.commit_hash)

    def _append(self, promise: _Promise, partial: Path) -> None:
        """Fetch what is missing."""
        done = _size(partial)
        chunks = self._chunks(promise.url, done)
        with contextlib.closing(chunks), partial.open("ab") as file:
            for chunk in chunks:
                file.write(chunk)
                done += len(chunk)
                self._progress(Progress(done, promise.size))

    def _chunks(self, url: str, start: int) -> Generator[bytes]:
        """The bytes from ``start`` on; of a host that begins anew, those before are passed over."""
        headers = {**self._hf.utils.build_hf_headers(), "Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        try:
            with self._hf.get_session().stream(
                "GET", url, headers=headers, timeout=self._timeout, follow_redirects=True
            ) as response:
                if start and response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                    return  # it was whole
                if response.is_error:
                    response.read()
                    self._hf.utils.hf_raise_for_status(response)
                if response.headers.get("Content-Type", "").startswith("text/html"):
                    raise _NoFileError
                passed = start if response.status_code != HTTPStatus.PARTIAL_CONTENT else 0
                for chunk in response.iter_raw():
                    yield chunk[passed:]
                    passed = max(passed - len(chunk), 0)
        except Exception as error:
            raise _BrokenOffError(error) from error

    def _check_space(self, promise: _Promise, partial: Path) -> None:
        free = shutil.disk_usage(partial.parent).free
        needed = (promise.size or 0) - _size(partial)
        if needed > free:
            raise DownloadError(
                f"{partial.parent}: {_megabytes(needed)} are needed, and {_megabytes(free)} are "
                "free. CLASSIFY_ANYTHING_CACHE can name another folder."
            )

    def _check(self, promise: _Promise, partial: Path, expected: str | None) -> str:
        """Its sha256, if it is what was promised."""
        size = _size(partial)
        if promise.size is not None and size < promise.size:
            raise DownloadError(
                f"{self._name} from {self._hub.repository}: the hub ended after {size:,} of "
                f"{promise.size:,} bytes; the same command goes on from there."
            )
        with partial.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if expected is not None and expected != found:
            wrong = f"checksum (sha256 {found[:12]}…, not {expected[:12]}…; {size:,} bytes)"
        elif promise.size not in (None, size):
            wrong = f"size ({size:,} bytes, not {promise.size:,})"
        else:
            return found
        partial.unlink()
        raise DownloadError(
            f"{self._name}: what came from the hub has a wrong {wrong}, and was deleted. Try again."
        )

    def _told(self, error: Exception) -> DownloadError:
        """What went wrong, for a person."""
        kinds = {kind.__name__ for kind in type(error).__mro__}
        status = getattr(getattr(error, "response", None), "status_code", 0)
        if isinstance(error, _NoFileError):
            reason = "a page comes in place of the file; perhaps the network wants a login first"
        elif "OfflineModeIsEnabled" in kinds:
            reason = "HF_HUB_OFFLINE is set, so nothing is fetched"
        elif status in _REFUSALS:
            reason = f"the hub {_REFUSALS[status]} ({status})"
        elif status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            reason = f"the hub has trouble ({status}); try again later"
        elif status:
            reason = f"the hub refuses ({status})"
        elif "TimeoutException" in kinds:
            reason = f"the hub did not answer for {self._timeout:g} seconds; try again later"
        elif kinds & {"RemoteProtocolError", "ReadError"}:
            reason = "the hub broke off; the same command goes on from there"
        elif "TooManyRedirects" in kinds:
            reason = "what answers leads around in a circle; perhaps HF_ENDPOINT is wrong"
        elif "ProxyError" in kinds:
            reason = f"the proxy refuses ({one_line(error)}); see HTTPS_PROXY"
        else:
            reason = (
                f"the hub cannot be reached ({one_line(error)}). Without the internet, only the "
                "backbones on this machine can be used"
            )
        told = without_password(f"{self._name} from {self._hub.repository}: {reason}.")
        return DownloadError(told)


class _BrokenOffError(Exception):
    """The hub, or the way to it, failed; not this machine's disk."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason))
        self.reason = reason


class _NoFileError(Exception):
    """What came is a page for people."""


_REFUSALS = {
    401: "has no such repository, or wants a token; HF_TOKEN can give one",
    403: "refuses; its licence may have to be accepted there, and a token given in HF_TOKEN",
    404: "has no such file",
    429: "asks to come less often; try again in a few minutes, or with a token in HF_TOKEN",
}


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB"
