"""The number of threads that a large call may use, also after a fork.

The default is the smallest of the processor affinity, the control-group quota and
``OMP_NUM_THREADS``; ``FASTACT_NUM_THREADS`` or :func:`set_num_threads` override it. This module
starts no thread: backends subscribe with :func:`on_change` and size their pools.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator

from .variables import variable

__all__ = ["get_num_threads", "on_change", "set_num_threads"]

MAX_THREADS = 1024


class _State:
    """Current thread count (None until first use), change callbacks, and a lock."""

    def __init__(self) -> None:
        self.count: int | None = None
        self.callbacks: list[Callable[[int], object]] = []
        self.lock = threading.RLock()


_state = _State()


def get_num_threads() -> int:
    """Return how many threads a large call may use.

    Raises
    ------
    ValueError
        If ``FASTACT_NUM_THREADS`` is not an integer from 1 to 1024.

    Examples
    --------
    >>> import fastact as fa
    >>> 1 <= fa.get_num_threads() <= 1024
    True
    """
    if _state.count is None:
        with _state.lock:
            if _state.count is None:
                _state.count = _initial_count()
    return _state.count


def set_num_threads(n: int) -> None:
    """Set how many threads a large call may use, in this process.

    Parameters
    ----------
    n : int
        From 1 to 1024; may exceed the number of processors.

    Raises
    ------
    TypeError
        If it is not an integer.
    ValueError
        If it is out of range.

    Examples
    --------
    >>> import fastact as fa
    >>> before = fa.get_num_threads()
    >>> fa.set_num_threads(1)
    >>> fa.get_num_threads()
    1
    >>> fa.set_num_threads(before)
    """
    if isinstance(n, bool) or not hasattr(n, "__index__"):
        raise TypeError(f"set_num_threads() takes an integer, not {type(n).__name__}")
    count = n.__index__()
    if not 1 <= count <= MAX_THREADS:
        raise ValueError(f"set_num_threads({count}): choose an integer from 1 to {MAX_THREADS}")
    with _state.lock:
        _publish(count)


def on_change(callback: Callable[[int], object]) -> None:
    """Call `callback` with the number of threads now, and again whenever it changes."""
    with _state.lock:
        callback(get_num_threads())
        _state.callbacks.append(callback)


def _publish(count: int) -> None:
    _state.count = count
    for callback in _state.callbacks:
        callback(count)


def _after_fork_in_child() -> None:
    # Another thread of the parent may have held the lock at the fork; it would never be released here.
    _state.lock = threading.RLock()
    # The parent's pool threads do not exist in the child, which stays serial until it sets a number.
    _publish(1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def _initial_count() -> int:
    text = variable("NUM_THREADS")
    if text is not None:
        return _parse(text)
    limits = [_affinity(), cgroup_limit(), _openmp_limit()]
    return min(limit for limit in (*limits, MAX_THREADS) if limit is not None)


def _parse(text: str) -> int:
    try:
        count = int(text)
    except ValueError:
        count = 0
    if not 1 <= count <= MAX_THREADS:
        raise ValueError(f"FASTACT_NUM_THREADS={text!r}: choose an integer from 1 to {MAX_THREADS}")
    return count


def _affinity() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _openmp_limit() -> int | None:
    # OpenMP allows a list with one entry for each nesting level; a malformed value is left to OpenMP.
    first = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return int(first) if first.isascii() and first.isdigit() and int(first) > 0 else None


def cgroup_limit(
    mount: str = "/sys/fs/cgroup", membership: str = "/proc/self/cgroup"
) -> int | None:
    """Return this process's control-group quota of processors, rounded up, or None if it has none."""
    quotas = [quota for folder in _cgroup_folders(mount, membership) for quota in _quotas(folder)]
    return min(quotas, default=None)


def _cgroup_folders(mount: str, membership: str) -> Iterator[str]:
    """Yield the folders whose quotas apply: the process's group and its ancestors."""
    for line in _read(membership).splitlines():
        _, controllers, group = [*line.split(":", 2), "", ""][:3]
        if controllers and "cpu" not in controllers.split(","):
            continue
        roots = [controllers, "cpu", "cpu,cpuacct"] if controllers else [""]
        # In a container the group often has its path on the host while only its own root is mounted;
        # walking up to the root finds the quota in both cases.
        parts = group.strip("/").split("/")
        for root in roots:
            for depth in range(len(parts), -1, -1):
                yield os.path.join(mount, root, *parts[:depth])


def _quotas(folder: str) -> Iterator[int]:
    """Yield the quotas of one folder: `cpu.max` of version 2, `cpu.cfs_*_us` of version 1."""
    pair = _read(os.path.join(folder, "cpu.max")).split() or [
        _read(os.path.join(folder, f"cpu.cfs_{part}_us")).strip() for part in ("quota", "period")
    ]
    if len(pair) == 2 and all(part.isascii() and part.isdigit() for part in pair):
        quota, period = map(int, pair)
        if quota > 0 and period > 0:
            yield -(-quota // period)


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.read()
    except (OSError, ValueError):
        return ""
