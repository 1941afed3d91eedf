"""Export the project in the background, as a file to download."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import replace
from pathlib import Path

from classify_anything.errors import ConflictError
from classify_anything.export.onnx_model import load_export
from classify_anything.export.write import Options, write_export
from classify_anything.project.snapshot import take_snapshot
from classify_anything.server.backend import Backend
from classify_anything.server.jobs import Job
from classify_anything.server.messages import ExportInfo, ExportRequest

_ENDINGS = {"onnx": ".onnx", "web": "-page.zip", "zip": ".zip", "tfjs-knn": ".json"}


def options_of(wanted: ExportRequest) -> Options:
    """Return the options for writing."""
    return Options(**wanted.model_dump(exclude={"format"}))


class ExportJob(Job):
    """One export, in a temporary folder that ``close`` deletes."""

    def __init__(self, project: Backend, wanted: ExportRequest) -> None:
        super().__init__()
        self.name = project.state.project + _ENDINGS[wanted.format]
        self._project = project
        self._wanted = wanted
        self._folder = tempfile.TemporaryDirectory(prefix="classify-anything-")
        self._path = Path(self._folder.name, f"export{_ENDINGS[wanted.format]}")
        self._notes: tuple[str, ...] = ()
        self._threshold: float | None = None
        self.begin(lambda: asyncio.to_thread(self._write))

    @property
    def path(self) -> Path:
        """The finished file. Raises ConflictError until done."""
        if self.status != "done":
            raise ConflictError(f"This export is {self.status}, not done.")
        return self._path

    @property
    def info(self) -> ExportInfo:
        """The progress of the export."""
        return ExportInfo(
            id=self.id,
            status=self.status,
            text=self.progress.text or "Writing",
            done=self.progress.done,
            total=self.progress.total,
            name=self.name,
            bytes=self._path.stat().st_size if self.status == "done" else None,
            notes=list(self._notes),
            threshold=self._threshold,
            error=self.error,
        )

    def close(self) -> None:
        """Delete the file."""
        self._folder.cleanup()

    def public(self, text: str) -> str:
        """Return an error message without the temporary folder."""
        return text.replace(f"{self._folder.name}/", "")

    def _write(self) -> None:
        wanted = self._wanted
        options = replace(options_of(wanted), progress=self.show)
        with self._project.read(take_snapshot) as snapshot:
            self._notes = write_export(snapshot, self._path, wanted.format, options).notes
        if wanted.format == "onnx":
            self._threshold = load_export(self._path).metadata.threshold
