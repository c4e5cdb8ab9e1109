"""Signals that end a command turn into an exception, so that it can clean up."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType

SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


class Stopped(BaseException):
    """A signal asked the program to end."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.status = 128 + number


@contextlib.contextmanager
def stoppable() -> Iterator[Callable[[], None]]:
    """Raise `Stopped` inside the ``with`` block at the first Ctrl-C, SIGTERM or SIGHUP.

    Yields
    ------
    callable
        To be called now and then: it raises `Stopped` again if the first one got lost. An exception
        that a signal raises while a compiled module is imported, numpy.random for one, is swallowed.
    """
    received: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        # A second Ctrl-C must not cut the cleaning up short.
        if not received:
            received.append(number)
            raise Stopped(number)

    def check() -> None:
        if received:
            raise Stopped(received[0])

    # What nohup or a background job ignores stays ignored.
    previous = {
        number: handler
        for number in SIGNALS
        if (handler := signal.getsignal(number)) is not signal.SIG_IGN
    }
    for number in previous:
        signal.signal(number, stop)
    try:
        yield check
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
