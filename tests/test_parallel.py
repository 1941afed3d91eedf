"""Work on several threads can be interrupted at any time."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from types import FrameType

from classify_anything.workers import map_ordered

ITEMS = 12


class InterruptAt:
    """Presses Ctrl+C as the nth function of Python's own threads and futures is entered."""

    def __init__(self, number: int) -> None:
        self.left = number

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename.endswith(("threading.py", "_base.py")):
            self.left -= 1
            if self.left == 0:
                signal.raise_signal(signal.SIGINT)


def interrupt_everywhere() -> int:
    """Interrupt the work at one place after the other; gives how many there were."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in range(1, 10_000):
        interrupt = InterruptAt(number)
        try:
            sys.setprofile(interrupt)
            assert list(map_ordered(abs, range(ITEMS))) == list(range(ITEMS))
        except KeyboardInterrupt:
            pass
        finally:
            sys.setprofile(None)
        for thread in threading.enumerate():
            if thread is not threading.current_thread():
                thread.join(10)
                assert not thread.is_alive(), f"stuck after the {number}th"
        if interrupt.left > 0:
            return number
    raise AssertionError("it never came to its end")


def test_ctrl_c_leaves_no_thread_behind() -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import {__name__} as t; print(t.interrupt_everywhere())"],
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) > 2 * ITEMS


def test_outside_the_main_thread_or_without_a_handler_nothing_is_deferred() -> None:
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.extend(map_ordered(abs, range(ITEMS))))
    thread.start()
    thread.join()
    assert found == list(range(ITEMS))
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert list(map_ordered(abs, range(ITEMS))) == found
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
