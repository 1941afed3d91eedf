"""Map jobs over a few threads, in order and in bounded memory."""

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
"""Items of a fast source per thread at a time, to use the core's cache and reduce overhead."""

_AHEAD = 1
"""Batches to prefetch per thread."""

_PATIENCE = 0.2
"""Maximum seconds to wait for more items before yielding results."""

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
    """Limit BLAS to one thread: more would compete with the workers for cores."""
    limited: AbstractContextManager[object] = _controller().limit(limits=1, user_api="blas")
    return limited


def map_ordered(job: Callable[[T], R], items: Iterable[T]) -> Generator[R]:
    """Yield the results of a job on each item, in order; see ``map_batches``."""
    with contextlib.closing(map_batches(each(job), items, TOGETHER)) as blocks:
        for block in blocks:
            yield from block


def each(job: Callable[[T], R]) -> Callable[[list[T]], list[R]]:
    """Convert a job on one item to a job on a list."""
    return lambda items: [job(item) for item in items]


def map_batches(
    job: Callable[[list[T]], list[R]],
    items: Iterable[T],
    size: int,
    together: int = TOGETHER,
) -> Generator[list[R]]:
    """Yield the results of a job on batches of items, in order, at most ``size`` at once.

    Prefetches only a few items. With a fast source, yields ``size`` results together; with a slow
    one, yields each before taking the next item. If the source fails, yields all results before
    raising. A thread takes ``together`` items at a time; use 1 if each item is much work.
    """
    workers = worker_count()
    source, end, started = iter(items), None, False
    waiting: deque[Future[list[R]]] = deque()
    block: list[R] = []
    since = perf_counter()
    with ThreadPoolExecutor(workers, thread_name_prefix="worker") as pool:
        try:
            while end is None:
                start = perf_counter()
                some, end = _take(source, together if started else 1)
                hurry = not started or end is not None or perf_counter() - start > _PATIENCE
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
    """Defer the first Ctrl+C to the end of this block.

    If it arrives while a future's lock is being released, the lock stays locked forever.
    """
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    signals = []

    def hold(number: int, frame: FrameType | None) -> None:
        signals.append((number, frame))
        if len(signals) > 1:
            handler(number, frame)

    signal.signal(signal.SIGINT, hold)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if len(signals) == 1:
            handler(*signals[0])


def _take(source: Iterator[T], most: int) -> tuple[list[T], Exception | None]:
    """Return at most ``most`` items that arrive in time, and what ended the source, if it did."""
    start, items = perf_counter(), list[T]()
    try:
        while len(items) < most and (not items or perf_counter() - start < _PATIENCE):
            items.append(next(source))
    except StopIteration:
        return items, _END
    except Exception as error:  # noqa: BLE001 - raised after the results before it
        return items, error
    return items, None
