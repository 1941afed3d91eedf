"""Ends work between two steps of it, never within one."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType
from typing import Any, Self


class Interrupts:
    """Holds Ctrl+C back while something must not be broken off, such as a transaction.

    It gets through, as KeyboardInterrupt, within ``allowed``; a second one everywhere.

    Args:
        signals: those that mean the same.
    """

    def __init__(self, *signals: signal.Signals) -> None:
        self._signals = (signal.SIGINT, *signals)
        self._before: list[Any] = []
        self._came = False
        self._allowed = False

    def __enter__(self) -> Self:
        self._before = [signal.signal(number, self._come) for number in self._signals]
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in zip(self._signals, self._before, strict=True):
            signal.signal(number, handler)

    @contextlib.contextmanager
    def allowed(self) -> Iterator[None]:
        """Let it through, also one that came before."""
        self._allowed = True
        try:
            if self._came:
                raise KeyboardInterrupt
            yield
        finally:
            self._allowed = False

    def _come(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - as signal asks
        if self._allowed or self._came:
            raise KeyboardInterrupt
        self._came = True
