"""How results and errors are written: for a person on a terminal, plain for programs."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self

import typer

from classify_anything.errors import ClassifyAnythingError

if TYPE_CHECKING:
    from classify_anything.types import Progress


def show_error(error: ClassifyAnythingError | str) -> None:
    """One line on the standard error."""
    typer.echo(f"Error: {on_one_line(str(error))}", err=True)


def show_notice(notice: str) -> None:
    """What is out of order, on the standard error, if anything is."""
    if notice:
        typer.echo(f"Note: {on_one_line(notice)}", err=True)


def error_object(error: ClassifyAnythingError) -> dict[str, Any]:
    """An error, in the shape that it has over HTTP too."""
    return {"error": {"code": error.code, "message": str(error)}}


def print_json(value: Any) -> None:
    """One line of JSON, at once. Raises ValueError for what JSON has no word for, as nan."""
    print_line(json.dumps(value, allow_nan=False))


def print_line(text: str) -> None:
    """One line, at once: who reads it may wait for it."""
    print(text, flush=True)  # noqa: T201 - the output of the program


def on_one_line(text: str) -> str:
    """Text without line breaks, and without signs that would steer the terminal."""
    return "".join(sign if sign.isprintable() else " " for sign in text)


def print_table(names: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Aligned columns, under a line of their names on a terminal."""
    cells = [[on_one_line(str(cell)) for cell in row] for row in rows]
    columns = Columns(names, [max(map(width, column)) for column in zip(*cells, strict=True)])
    for row in cells:
        columns.print(*row)


class Columns:
    """Aligned columns that are printed line by line, under their names on a terminal.

    Not a rich.table.Table: it waits for the last row, takes 2 ms for each (20 s for 10,000
    examples), and wraps what is wider than 80 cells where the output is a file.

    Args:
        names: of the columns.
        widths: of what stands in them, in cells of the terminal; that of the last has no meaning.
    """

    def __init__(self, names: Sequence[str], widths: Sequence[int]) -> None:
        on_terminal = sys.stdout.isatty()
        widest = [*widths, *[0] * (len(names) - len(widths))]
        self._widths = [
            max(cells, len(name) if on_terminal else 0)
            for name, cells in zip(names, widest, strict=True)
        ]
        if on_terminal:
            print_line(typer.style(self._line(names), bold=True))

    def print(self, *cells: str) -> None:
        """Print one line."""
        print_line(self._line([on_one_line(cell) for cell in cells]))

    def _line(self, cells: Sequence[str]) -> str:
        padded = (
            cell + " " * (cells_wide - width(cell))
            for cell, cells_wide in zip(cells, self._widths, strict=True)
        )
        return "  ".join(padded).rstrip()


def width(text: str) -> int:
    """How many cells of a terminal a text takes: an emoji takes two."""
    from rich.cells import cell_len  # noqa: PLC0415 - only some commands need it

    return cell_len(text)


@contextlib.contextmanager
def progress_bar(
    text: str, *, shown: bool = True, in_bytes: bool = False
) -> Iterator[Callable[[Progress], None]]:
    """Show a bar on the standard error, if that is a terminal; yield what moves it."""
    from rich import progress as rich  # noqa: PLC0415 - takes 0.1 s
    from rich.console import Console  # noqa: PLC0415

    with rich.Progress(
        "{task.description}",
        rich.BarColumn(),
        rich.DownloadColumn() if in_bytes else rich.MofNCompleteColumn(),
        rich.TransferSpeedColumn() if in_bytes else rich.TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,  # it may be a file, and results go there
        disable=not (shown and sys.stderr.isatty()),
    ) as bar:
        task = bar.add_task(text, total=None)
        yield lambda progress: bar.update(
            task,
            description=progress.text or text,
            completed=progress.done,
            total=progress.total,
        )


class LateBar:
    """A bar on the standard error that appears when there is something to wait for."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._bar = contextlib.ExitStack()
        self._show: Callable[[Progress], None] | None = None

    def __call__(self, progress: Progress) -> None:
        if self._show is None and progress.done != progress.total:
            self._show = self._bar.enter_context(progress_bar(self._text))
        if self._show:
            self._show(progress)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Take it away."""
        self._bar.close()


@contextlib.contextmanager
def until_nobody_reads() -> Iterator[None]:
    """End quietly when what reads the output, such as ``head``, has enough."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit from None
