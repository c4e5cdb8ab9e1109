"""What the program owes its process: an end at a signal, and streams that may be closed or full."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)

_cleanups: list[Callable[[], object]] = []


def end_at_signals() -> None:
    """Let Ctrl-C, SIGTERM and SIGHUP end the process: after the cleanups, with one line.

    Nothing is raised: an exception would be a traceback where it comes during an import, and is lost in
    a finalizer and where a compiled module is imported, numpy.random for one.
    """
    for number in SIGNALS:
        # What nohup or a background job ignores stays ignored.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)


def _end(number: int, frame: FrameType | None) -> None:
    # A second signal comes here, too, and does what is left to do.
    for cleanup in reversed(_cleanups):
        with contextlib.suppress(Exception):
            cleanup()
    # sys.stderr may be in the middle of a line, and refuses a second one from within.
    with contextlib.suppress(OSError):
        os.write(2, f"fastact: stopped by {signal.Signals(number).name}\n".encode())
    os._exit(128 + number)


@contextlib.contextmanager
def cleaned_up_by(cleanup: Callable[[], object]) -> Iterator[None]:
    """Call `cleanup` at a signal that comes within the ``with`` block; it may be called twice."""
    _cleanups.append(cleanup)
    try:
        yield
    finally:
        _cleanups.remove(cleanup)


def settle_streams() -> None:
    """Open the null device for each standard stream that is closed, and let no error of stderr through.

    Python leaves None where a stream is closed, and the next file to be opened would get its number,
    with all that is written to it.
    """
    # In this order: the lowest free number is the one that is taken.
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, open(null, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    sys.stderr = Unimportant(sys.stderr)


def drop_what_is_unwritten() -> None:
    """Empty stdout: Python tries again at its end what could not be written, and complains."""
    Unimportant(sys.stdout).flush()


class Unimportant:
    """A stream that nothing depends on: from its first error on, what is written to it is lost."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> None:
        """Write, if it is possible."""
        with self._losing():
            self._stream.write(text)

    def flush(self) -> None:
        """Flush, if it is possible."""
        with self._losing():
            self._stream.flush()

    @contextlib.contextmanager
    def _losing(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self._stream.fileno())
            os.close(null)


def say(message: str, status: int) -> int:
    """Write a line to stderr and return the status."""
    print(f"fastact: {message}", file=sys.stderr, flush=True)
    return status
