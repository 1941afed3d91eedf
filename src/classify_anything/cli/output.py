"""Print results and errors: formatted on a terminal, plain for programs."""

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
    """Print an error on standard error, in one line."""
    typer.echo(f"Error: {on_one_line(str(error))}", err=True)


def show_notice(notice: str) -> None:
    """Print a notice on standard error, unless it is empty."""
    if notice:
        typer.echo(f"Note: {on_one_line(notice)}", err=True)


def error_object(error: ClassifyAnythingError) -> dict[str, Any]:
    """Return an error in the same form as over HTTP."""
    return {"error": {"code": error.code, "message": str(error)}}


def print_json(value: Any) -> None:
    """Print one line of JSON. Raises ValueError for values outside JSON, such as nan."""
    print_line(json.dumps(value, allow_nan=False))


def print_line(text: str) -> None:
    """Print one line and flush, because its reader may wait for it."""
    print(text, flush=True)  # noqa: T201 - the output of the program


def on_one_line(text: str) -> str:
    """Replace line breaks and terminal control characters with spaces."""
    return "".join(char if char.isprintable() else " " for char in text)


def print_table(names: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print aligned columns, with a header row on a terminal."""
    cells = [[on_one_line(str(cell)) for cell in row] for row in rows]
    columns = Columns(names, [max(map(width, column)) for column in zip(*cells, strict=True)])
    for row in cells:
        columns.print(*row)


class Columns:
    """Print aligned columns row by row, with a header row on a terminal.

    Not a rich.table.Table, which waits for the last row, takes 2 ms per row (20 s for 10,000
    examples), and wraps rows over 80 cells if the output is a file.

    Args:
        names: column headers.
        widths: column widths in terminal cells; the last one is ignored.
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
        """Print one row."""
        print_line(self._line([on_one_line(cell) for cell in cells]))

    def _line(self, cells: Sequence[str]) -> str:
        padded = (
            cell + " " * (cells_wide - width(cell))
            for cell, cells_wide in zip(cells, self._widths, strict=True)
        )
        return "  ".join(padded).rstrip()


def width(text: str) -> int:
    """Return the width of a text in terminal cells; an emoji takes two."""
    from rich.cells import cell_len  # noqa: PLC0415 - only some commands need it

    return cell_len(text)


@contextlib.contextmanager
def progress_bar(
    text: str, *, shown: bool = True, in_bytes: bool = False
) -> Iterator[Callable[[Progress], None]]:
    """Show a progress bar if standard error is a terminal; yield the function that updates it."""
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
    """A progress bar that appears only once there is something to wait for."""

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
        """Remove the bar."""
        self._bar.close()


@contextlib.contextmanager
def exit_on_broken_pipe() -> Iterator[None]:
    """Exit quietly when the reader of the output, such as ``head``, stops reading."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes once more on exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit from None
