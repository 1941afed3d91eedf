"""Download a file from the model hub: resume after an interruption, and verify the checksum.

Not with huggingface_hub.hf_hub_download (2.4), which deletes the partial file on failure, so that
no later call can resume; resumes within a call only after 10 MB, so that an unreliable connection
never completes; verifies only the size, and so keeps corrupt files; and logs several lines per
failure.

huggingface_hub provides the hub's address (HF_ENDPOINT), the token (HF_TOKEN), the proxy
(HTTPS_PROXY) and offline mode (HF_HUB_OFFLINE).
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
from classify_anything.backbones.download_records import NAME as RECORDS
from classify_anything.backbones.download_records import recorded_sha256, save_record
from classify_anything.backbones.files import kept_in
from classify_anything.backbones.hub_settings import endpoint, timeout, without_password
from classify_anything.errors import DownloadError, MissingExtraError
from classify_anything.types import Progress

_SHA256 = re.compile(r"[0-9a-f]{64}")
_RETRY_DELAY = 0.5
"""Seconds before a lost connection is retried."""


@dataclass(frozen=True, slots=True)
class _Metadata:
    """The hub's metadata of a file; ``etag`` changes with its contents."""

    url: str
    size: int | None
    etag: str
    commit: str

    @property
    def sha256(self) -> str | None:
        return self.etag if _SHA256.fullmatch(self.etag) else None


def download(name: str, hub: Hub, target: Path, progress: Callable[[Progress], object]) -> None:
    """Download a file; afterwards ``target`` is either complete or missing.

    After an error, the next call resumes from the partial file, unless its checksum is wrong.

    Raises:
        MissingExtraError: huggingface_hub is not installed.
        DownloadError: the hub is unreachable, refuses, does not answer or disconnects; the file
            does not match the hub's metadata; or it cannot be saved.
    """
    if importlib.util.find_spec("huggingface_hub") is None:
        raise MissingExtraError(
            f'Downloading {name} requires: pip install "classify-anything[hub]"'
        )
    from filelock import FileLock, Timeout  # noqa: PLC0415 - comes with huggingface_hub

    with kept_in(target.parent):
        try:
            with FileLock(target.with_suffix(".lock"), timeout=0):
                _Download(name, hub, target, progress).run()
        except Timeout as error:
            raise DownloadError(f"{name}: another process is already downloading it.") from error


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
        promised = self._metadata()
        folder = self._target.parent
        before = recorded_sha256(folder, self._hub)
        expected = self._hub.sha256 or before or promised.sha256
        if self._hub.sha256 and promised.sha256 not in (None, self._hub.sha256):
            raise DownloadError(
                f"{self._name} from {self._hub.repository}: the hub's file "
                f"(sha256 {promised.etag[:12]}…) is not the expected one "
                f"({self._hub.sha256[:12]}…)."
            )
        if before and before == expected and promised.sha256 not in (None, before):
            raise DownloadError(
                f"{self._name} from {self._hub.repository}: the hub's file "
                f"(sha256 {promised.etag[:12]}…) has changed since the last download "
                f"({before[:12]}…). To accept it, delete {folder / RECORDS}."
            )
        if promised.size is None and expected is None:
            raise DownloadError(
                f"{self._name} from {self._hub.repository}: the hub provides neither the size nor "
                "the checksum of the file, so a download cannot be verified."
            )
        version = re.sub(r"\W", "", expected or promised.etag)[:12]
        partial = self._target.with_name(f"{self._target.name}.{version}.partial")
        self._check_space(promised, partial)
        self._download(promised, partial)
        found = self._verify(promised, partial, expected)
        partial.replace(self._target)
        save_record(folder, self._hub, found, promised.commit)

    def _download(self, promised: _Metadata, partial: Path) -> None:
        """Download the file, resuming until it is complete or an attempt adds nothing."""
        while promised.size is None or _size(partial) < promised.size:
            before = _size(partial)
            try:
                self._append(promised, partial)
            except _TransferError as error:
                if _size(partial) <= before:
                    raise self._error(error.reason) from error.reason
                time.sleep(_RETRY_DELAY)
            else:
                if promised.size is None or _size(partial) <= before:
                    return

    def _metadata(self) -> _Metadata:
        hub, endpoint = self._hub, self._endpoint
        try:
            url = self._hf.hf_hub_url(
                hub.repository, hub.file, revision=hub.revision, endpoint=endpoint
            )
            metadata = self._hf.get_hf_file_metadata(url, timeout=self._timeout, endpoint=endpoint)
        except Exception as error:
            raise self._error(error) from error
        if metadata.commit_hash is None:
            raise DownloadError(
                f"{self._name}: {without_password(url)} is not on a model hub. Check HF_ENDPOINT, "
                "and whether the network requires a login."
            )
        return _Metadata(url, metadata.size or None, metadata.etag or "", metadata.commit_hash)

    def _append(self, promised: _Metadata, partial: Path) -> None:
        """Append the missing bytes to the partial file."""
        done = _size(partial)
        chunks = self._chunks(promised.url, done)
        with contextlib.closing(chunks), partial.open("ab") as file:
            for chunk in chunks:
                file.write(chunk)
                done += len(chunk)
                self._progress(Progress(done, promised.size))

    def _chunks(self, url: str, start: int) -> Generator[bytes]:
        """Yield the bytes from ``start`` on; skip the earlier ones if the host ignores ranges."""
        headers = {**self._hf.utils.build_hf_headers(), "Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        try:
            with self._hf.get_session().stream(
                "GET", url, headers=headers, timeout=self._timeout, follow_redirects=True
            ) as response:
                if start and response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                    return  # already complete
                if response.is_error:
                    response.read()
                    self._hf.utils.hf_raise_for_status(response)
                if response.headers.get("Content-Type", "").startswith("text/html"):
                    raise _WebPageError
                passed = start if response.status_code != HTTPStatus.PARTIAL_CONTENT else 0
                for chunk in response.iter_raw():
                    yield chunk[passed:]
                    passed = max(passed - len(chunk), 0)
        except Exception as error:
            raise _TransferError(error) from error

    def _check_space(self, promised: _Metadata, partial: Path) -> None:
        free = shutil.disk_usage(partial.parent).free
        needed = (promised.size or 0) - _size(partial)
        if needed > free:
            raise DownloadError(
                f"{partial.parent}: the download needs {_megabytes(needed)}, but only "
                f"{_megabytes(free)} are free. Set CLASSIFY_ANYTHING_CACHE to another folder."
            )

    def _verify(self, promised: _Metadata, partial: Path, expected: str | None) -> str:
        """Verify the file's size and checksum, and return its sha256."""
        size = _size(partial)
        if promised.size is not None and size < promised.size:
            raise DownloadError(
                f"{self._name} from {self._hub.repository}: the hub disconnected after {size:,} of "
                f"{promised.size:,} bytes. Run the same command again to resume."
            )
        with partial.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if expected is not None and expected != found:
            wrong = f"checksum (sha256 {found[:12]}…, expected {expected[:12]}…; {size:,} bytes)"
        elif promised.size not in (None, size):
            wrong = f"size ({size:,} bytes, expected {promised.size:,})"
        else:
            return found
        partial.unlink()
        raise DownloadError(
            f"{self._name}: the downloaded file had the wrong {wrong} and was deleted. Try again."
        )

    def _error(self, error: Exception) -> DownloadError:
        """Return an error with a message for people."""
        kinds = {kind.__name__ for kind in type(error).__mro__}
        status = getattr(getattr(error, "response", None), "status_code", 0)
        if isinstance(error, _WebPageError):
            reason = "the hub sent a web page instead of the file; the network may require a login"
        elif "OfflineModeIsEnabled" in kinds:
            reason = "HF_HUB_OFFLINE is set, so downloads are disabled"
        elif status in _REFUSALS:
            reason = f"the hub {_REFUSALS[status]} ({status})"
        elif status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            reason = f"the hub has an internal error ({status}); try again later"
        elif status:
            reason = f"the hub refuses the request ({status})"
        elif "TimeoutException" in kinds:
            reason = f"the hub did not answer within {self._timeout:g} s; try again later"
        elif kinds & {"RemoteProtocolError", "ReadError"}:
            reason = "the hub disconnected; run the same command again to resume"
        elif "TooManyRedirects" in kinds:
            reason = "too many redirects; check HF_ENDPOINT"
        elif "ProxyError" in kinds:
            reason = f"the proxy refuses the connection ({one_line(error)}); check HTTPS_PROXY"
        else:
            reason = (
                f"the hub is unreachable ({one_line(error)}). Without internet access, only "
                "backbones on this machine are available"
            )
        message = f"{self._name} from {self._hub.repository}: {reason}."
        return DownloadError(without_password(message))


class _TransferError(Exception):
    """The hub or the connection to it failed, rather than this machine's disk."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason))
        self.reason = reason


class _WebPageError(Exception):
    """The response is a web page."""


_REFUSALS = {
    401: "has no such repository, or requires a token; set HF_TOKEN",
    403: "denies access; you may have to accept the licence there, and set HF_TOKEN",
    404: "has no such file",
    429: "is rate-limiting requests; try again in a few minutes, or set HF_TOKEN",
}


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB"
