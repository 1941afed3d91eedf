"""Many small jobs on a few threads, in order and in bounded memory."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import TypeVar

from threadpoolctl import ThreadpoolController

T = TypeVar("T")
R = TypeVar("R")

_AHEAD = 8


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
