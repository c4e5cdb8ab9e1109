"""The size from which two threads beat one, for each cost class: the source of the table in csrc/elementwise/call.c.

Build the extension with an early start of threads, into a separate folder::

    CFLAGS=-DFASTACT_PARALLEL_FROM=1024 python -m pip install --no-deps --target build/early .
    PYTHONPATH=build/early python bench/thread_thresholds.py

"hot" calls follow one another, so that the worker thread still spins; before a "cold" call it sleeps.
Times are microseconds, serial against parallel.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from timeit import repeat

import numpy as np

import fastact as fa
from fastact.backends.cython import backend as cython

CLASSES = {"move": "relu", "cheap": "hard_swish", "exp": "sigmoid", "heavy": "gelu"}
SIZES = [1 << k for k in range(11, 19)]


def hot(call: Callable[[], object]) -> float:
    return min(repeat(call, number=20, repeat=25)) / 20 * 1e6


def cold(call: Callable[[], object]) -> float:
    times = []
    for _ in range(60):
        time.sleep(0.0005)
        start = time.perf_counter_ns()
        call()
        times.append(time.perf_counter_ns() - start)
    return float(np.median(times)) / 1e3


def main() -> None:
    print(f"{'class':6} {'dtype':8} {'size':>7}  {'hot':>16}  {'cold':>16}")
    for cost, name in CLASSES.items():
        for dtype in (np.dtype(np.float32), np.dtype(np.float64)):
            kernel = cython.kernel(name, "forward", dtype)
            for size in SIZES:
                x = np.linspace(-5, 5, size, dtype=dtype)
                out = np.empty_like(x)
                row = []
                for measure in hot, cold:
                    for threads in 1, 2:
                        fa.set_num_threads(threads)
                        row.append(measure(lambda: kernel(x, out)))  # noqa: B023
                shown = "  ".join(f"{a:7.1f} {b:8.1f}" for a, b in (row[:2], row[2:]))
                print(f"{cost:6} {dtype.name:8} {size:7}  {shown}")


if __name__ == "__main__":
    main()
