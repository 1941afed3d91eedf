"""Many small jobs on a few threads, in order and in bounded memory."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from contextvars import ContextVar
from time import perf_counter
from types import FrameType
from typing import TypeVar

from threadpoolctl import ThreadpoolController

T = TypeVar("T")
R = TypeVar("R")

TOGETHER = 8
"""Items of a quick source that one thread takes at a time: what a job needs is then still in the
core's cache for the next, and there is less to hand over."""

_AHEAD = 1
"""So many times that are taken ahead for each thread."""

_PATIENCE = 0.2
"""Seconds that a result, or its reader, waits at most for the source to give more."""

_END = StopIteration()

_spared = ContextVar("spared", default=0)


def spare_core() -> None:
    """Leave one core to others, in the rest of this context and in the threads it starts."""
    _spared.set(1)


def worker_count() -> int:
    """The number of threads for a long job: one per core that is not spared."""
    return max(1, (os.cpu_count() or 1) - _spared.get())


@functools.cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


def one_blas_thread() -> AbstractContextManager[object]:
    """Keeps BLAS to one thread: more would wait for the cores that the workers have."""
    limited: AbstractContextManager[object] = _controller().limit(limits=1, user_api="blas")
    return limited


def map_ordered(job: Callable[[T], R], items: Iterable[T], workers: int) -> Generator[R]:
    """The results of a job on each item, in the order of the items; see ``map_batches``."""
    with contextlib.closing(map_batches(each(job), items, workers, TOGETHER)) as blocks:
        for block in blocks:
            yield from block


def each(job: Callable[[T], R]) -> Callable[[list[T]], list[R]]:
    """A job on one item as a job on several."""
    return lambda items: [job(item) for item in items]


def map_batches(
    job: Callable[[list[T]], list[R]],
    items: Iterable[T],
    workers: int,
    size: int,
    together: int = TOGETHER,
) -> Generator[list[R]]:
    """The results of a job on some items at a time, in their order, at most ``size`` at once.

    Items are taken from their source only a few ahead of the result that is asked for. Of a quick
    source the results come ``size`` together, of a slow one each before the next item is taken. If
    the source fails, the results of what it gave come first. A thread takes ``together`` items at a
    time; 1 where one item is much work.
    """
    source, end, started = iter(items), None, False
    waiting: deque[Future[list[R]]] = deque()
    block: list[R] = []
    since = perf_counter()
    with ThreadPoolExecutor(workers, thread_name_prefix="worker") as pool:
        try:
            while end is None:
                asked = perf_counter()
                some, end = _take(source, together if started else 1)
                hurry = not started or end is not None or perf_counter() - asked > _PATIENCE
                started = True
                with _defer_sigint():
                    waiting.append(pool.submit(job, some))
                while waiting:
                    with _defer_sigint():
                        many = len(waiting) > workers * _AHEAD
                        if not (hurry or many or waiting[0].done()):
                            break
                        since = since if block else perf_counter()
                        block += waiting.popleft().result()
                    while len(block) >= size:
                        yield block[:size]
                        block = block[size:]
                if block and (hurry or perf_counter() - since > _PATIENCE):
                    yield block
                    block = []
        finally:
            with _defer_sigint():
                for future in waiting:
                    future.cancel()
    if end is not _END:
        raise end


@contextlib.contextmanager
def _defer_sigint() -> Iterator[None]:
    """Hold a first Ctrl+C back to the end of this.

    Where it comes as a future's lock is let go, that stays locked for ever, and so does whoever
    waits for it.
    """
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    came = []

    def hold(number: int, frame: FrameType | None) -> None:
        came.append((number, frame))
        if len(came) > 1:
            handler(number, frame)

    signal.signal(signal.SIGINT, hold)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if len(came) == 1:
            handler(*came[0])


def _take(source: Iterator[T], most: int) -> tuple[list[T], Exception | None]:
    """At most so many items, as many as come in time, and what ended the source, if it did."""
    asked, items = perf_counter(), list[T]()
    try:
        while len(items) < most and (not items or perf_counter() - asked < _PATIENCE):
            items.append(next(source))
    except StopIteration:
        return items, _END
    except Exception as error:  # noqa: BLE001 - raised once the results before it were given
        return items, error
    return items, None
