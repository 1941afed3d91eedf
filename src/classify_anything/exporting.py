"""Writes a project in other forms."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar, get_args

from classify_anything.errors import OutputError, SettingError
from classify_anything.formats import (
    new_file,
    new_folder,
    write_folder,
    write_tfjs_knn,
    write_zip,
)
from classify_anything.project import Project

ExportFormat = Literal["zip", "folder", "tfjs-knn"]

T = TypeVar("T")


class Ask(Protocol):
    """Puts a small question to the project, on whatever thread that lives."""

    def __call__(self, question: Callable[[Any], T], /) -> T: ...


def write_export(ask: Ask, path: Path, form: str, *, overwrite: bool = False) -> Path:
    """Write a project in one of the forms of ``ExportFormat``; see ``Classifier.export``.

    The project is asked for one image after the other, so others may use it meanwhile.
    """
    if form not in get_args(ExportFormat):
        known = ", ".join(get_args(ExportFormat))
        raise SettingError(f"No format {form!r}. There is: {known}.")
    project = ask(lambda project: project.path)
    if path.exists() and path.samefile(project):
        raise OutputError(f"{path}: is the project itself; choose another name.")
    if form == "tfjs-knn":
        with new_file(path, overwrite=overwrite) as file:
            write_tfjs_knn(file, ask(Project.embeddings_by_label))
        return path
    classes, examples = ask(lambda project: (project.classes(), project.examples()[::-1]))

    def image(example_id: int) -> tuple[bytes, str]:
        found: tuple[bytes, str] = ask(lambda project: project.image(example_id))
        return found

    if form == "zip":
        with new_file(path, overwrite=overwrite) as file:
            write_zip(file, classes, examples, image)
    else:
        with new_folder(path, overwrite=overwrite) as folder:
            write_folder(folder, classes, examples, image)
    return path
