"""What a page has seen of the state, and what not."""

from __future__ import annotations

import asyncio

from classify_anything.server.messages import State


class Watcher:
    """A page's view of the state: always the newest, never a queue."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._changed = asyncio.Event()
        self._changed.set()

    def tell(self, state: State) -> None:
        """Replace what the page has not seen yet."""
        self._state = state
        self._changed.set()

    async def next(self) -> State:
        """Wait for a state that the page has not seen."""
        await self._changed.wait()
        self._changed.clear()
        return self._state
