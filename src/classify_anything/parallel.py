"""Many small jobs on a few threads, in order and in bounded memory."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from time import perf_counter
from typing import TypeVar

from threadpoolctl import ThreadpoolController

T = TypeVar("T")
R = TypeVar("R")

_AHEAD = 8
_PATIENCE = 0.2
"""Seconds that a result, or its reader, waits at most for the source to give more."""


@functools.cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


def one_blas_thread() -> AbstractContextManager[object]:
    """Keeps BLAS to one thread: more would wait for the cores that the workers have."""
    limited: AbstractContextManager[object] = _controller().limit(limits=1, user_api="blas")
    return limited


def in_parallel(job: Callable[[T], R], items: Iterable[T], workers: int) -> Generator[R]:
    """The results of a job on each item, in the order of the items.

    Items are taken from their source only a few ahead of the result that is asked for.
    """
    with ThreadPoolExecutor(workers, thread_name_prefix="worker") as pool:
        waiting: deque[Future[R]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(job, item))
                if len(waiting) > workers * _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def in_blocks(
    job: Callable[[T], R], items: Iterable[T], workers: int, size: int
) -> Generator[list[R]]:
    """The same as ``in_parallel``, several results at once: of a quick source ``size`` of them.

    Of a slow one each comes before the next item is taken. If the source fails, the results of what
    it gave come first.
    """
    source, failed = iter(items), None
    waiting: deque[Future[R]] = deque()
    block: list[R] = []
    since, hurry = perf_counter(), True
    with ThreadPoolExecutor(workers, thread_name_prefix="worker") as pool:
        try:
            while True:
                asked = perf_counter()
                try:
                    waiting.append(pool.submit(job, next(source)))
                except StopIteration:
                    break
                except Exception as error:  # noqa: BLE001 - raised below
                    failed = error
                    break
                hurry = hurry or perf_counter() - asked > _PATIENCE
                while waiting and (hurry or waiting[0].done() or len(waiting) > workers * _AHEAD):
                    since = since if block else perf_counter()
                    block.append(waiting.popleft().result())
                    if len(block) == size:
                        yield block
                        block = []
                if block and (hurry or perf_counter() - since > _PATIENCE):
                    yield block
                    block = []
                hurry = False
            while waiting or block:
                block += [
                    waiting.popleft().result() for _ in range(min(len(waiting), size - len(block)))
                ]
                yield block
                block = []
        finally:
            for future in waiting:
                future.cancel()
    if failed:
        raise failed
