"""Deliver the newest state to a page."""

from __future__ import annotations

import asyncio

from classify_anything.server.messages import State


class Watcher:
    """Holds the newest state for a page; never a queue."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._changed = asyncio.Event()
        self._changed.set()

    def tell(self, state: State) -> None:
        """Replace the state to deliver."""
        self._state = state
        self._changed.set()

    async def next(self) -> State:
        """Wait for a state not yet delivered."""
        await self._changed.wait()
        self._changed.clear()
        return self._state
