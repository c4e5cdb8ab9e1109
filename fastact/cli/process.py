"""Signals and standard streams: clean exit at a signal; streams may be closed or full."""

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
    """Make Ctrl-C, SIGTERM and SIGHUP run the cleanups, print one line and end the process.

    No exception is raised: it would print a traceback during an import, and would be lost in a finalizer
    or during the import of a compiled module such as numpy.random.
    """
    for number in SIGNALS:
        # Signals ignored by nohup or a background job stay ignored.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)


def _end(number: int, frame: FrameType | None) -> None:
    # A second signal enters here too and runs the cleanups again.
    for cleanup in reversed(_cleanups):
        with contextlib.suppress(Exception):
            cleanup()
    # sys.stderr may be in the middle of a write and is not reentrant.
    with contextlib.suppress(OSError):
        os.write(2, f"fastact: stopped by {signal.Signals(number).name}\n".encode())
    os._exit(128 + number)


@contextlib.contextmanager
def cleaned_up_by(cleanup: Callable[[], object]) -> Iterator[None]:
    """Call `cleanup` if a signal arrives within the ``with`` block; it may be called twice."""
    _cleanups.append(cleanup)
    try:
        yield
    finally:
        _cleanups.remove(cleanup)


def settle_streams() -> None:
    """Open the null device for each closed standard stream, and suppress errors of stderr.

    Python sets a closed stream to None; the next opened file would get its descriptor and everything
    written to it.
    """
    # In this order: open() takes the lowest free descriptor.
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, open(null, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    sys.stderr = Unimportant(sys.stderr)


def drop_what_is_unwritten() -> None:
    """Discard what stdout could not write: Python would retry at exit and print an error."""
    Unimportant(sys.stdout).flush()


class Unimportant:
    """A stream that discards everything after its first error."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> None:
        """Write if possible."""
        with self._losing():
            self._stream.write(text)

    def flush(self) -> None:
        """Flush if possible."""
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
