"""Stop work on Ctrl+C between two steps, never within one."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType
from typing import Any, Self


class Interrupts:
    """Defer Ctrl+C during work that must not be interrupted, such as a transaction.

    Ctrl+C raises KeyboardInterrupt within ``allowed``; a second Ctrl+C raises it anywhere.

    Args:
        signals: signals to treat like Ctrl+C.
    """

    def __init__(self, *signals: signal.Signals) -> None:
        self._signals = (signal.SIGINT, *signals)
        self._handlers: list[Any] = []
        self._pending = False
        self._allowed = False

    def __enter__(self) -> Self:
        self._handlers = [signal.signal(number, self._receive) for number in self._signals]
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in zip(self._signals, self._handlers, strict=True):
            signal.signal(number, handler)

    @contextlib.contextmanager
    def allowed(self) -> Iterator[None]:
        """Raise KeyboardInterrupt on Ctrl+C, including one that came earlier."""
        self._allowed = True
        try:
            if self._pending:
                raise KeyboardInterrupt
            yield
        finally:
            self._allowed = False

    def _receive(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - required by signal
        if self._allowed or self._pending:
            raise KeyboardInterrupt
        self._pending = True
