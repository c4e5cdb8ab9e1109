"""The caller's floating-point environment: it changes no bit of a result, and is the same after a call."""

from __future__ import annotations

import os
import sys

import pytest

from conftest import BACKENDS, check_python
from representatives import KINDS

PROGRAM = """
import contextlib, ctypes, os, platform, sys
if os.environ["BLOCKED"]:
    sys.modules["fastact.backends.cython._native"] = None
import numpy as np
import fastact as fa
from fastact.backends import environment
rng = np.random.default_rng(0)
np.seterr(all="ignore")
libm = ctypes.CDLL("libm.so.6")
default = (ctypes.c_uint32 * 8)()
assert libm.fegetenv(default) == 0
x86 = platform.machine() == "x86_64"
at, status = (7, 0x3F) if x86 else (0, 0)  # the control word of glibc's fenv_t
MODES = {"flush to zero": 0x8040, "upward": 0x4000} if x86 else {"flush to zero": 1 << 24, "upward": 1 << 22}
def use(bits):
    changed = (ctypes.c_uint32 * 8)(*default)
    changed[at] = default[at] & ~status | bits
    assert libm.fesetenv(changed) == 0
def control():
    now = (ctypes.c_uint32 * 8)()
    assert libm.fegetenv(now) == 0
    return now[at] & ~status

from fastact.functions.elementwise import FUNCTIONS
# Numba takes its time to compile, and what it compiles sets the environment in the same way for all.
chosen = [FUNCTIONS[name] for name in (sys.argv[1:] or FUNCTIONS)]
from fastact.functions.rows import ROW_FUNCTIONS
backend = fa.get_backend()
bits = rng.integers(0, 1 << 32, 20_000 if backend == "numpy" else 140_000, dtype="u4").view("f4")
x = np.where(np.isfinite(bits), bits, np.float32(1e-40))
g, half = x[::-1].copy(), x.astype("f2")
rows, labels = rng.standard_normal((80, 500), dtype="f4") * 30, rng.integers(0, 500, 80)
share = rng.random(rows.shape, dtype="f4")
jobs = []
for f in chosen:
    given = {name: 1.5 for name in f.parameters if name not in f.parameter_list.defaults}
    for part in (x[:100], x, x[::3], half[:1000], np.float32(1e-40), 1e-310):
        jobs.append((f.name, lambda f=f, part=part, given=given: f(part, **given)))
    jobs.append((f.name + ".vjp", lambda f=f, given=given: f.vjp(g, x, **given)))
for f in ROW_FUNCTIONS.values():
    if f.name != "gumbel_softmax":
        for axis in (0, 1):
            jobs.append((f.name, lambda f=f, axis=axis: f(rows, axis=axis)))
            jobs.append((f.name, lambda f=f, axis=axis: f(rows[:, ::2], axis=axis, temperature=0.7)))
for reduction in ("none", "mean", "sum"):
    for loss, target in ((fa.cross_entropy, labels), (fa.cross_entropy, share),
                         (fa.binary_cross_entropy_with_logits, share)):
        jobs.append((loss.name, lambda loss=loss, target=target, reduction=reduction:
                     loss.value_and_grad(rows, target, reduction=reduction)))
    jobs.append(("binary_cross_entropy", lambda reduction=reduction:
                 fa.binary_cross_entropy.value_and_grad(share, share[::-1].copy(), reduction=reduction)))
jobs.append(("glu", lambda: fa.glu(rows)))
jobs.append(("swiglu.vjp", lambda: fa.swiglu.vjp(rows, rows, share)))
jobs.append(("prelu.vjp", lambda: fa.prelu.vjp(share, rows, np.full(500, 0.3, "f4"))))
jobs.append(("maxout", lambda: fa.maxout(rows, 2)))
if environment.Environment is contextlib.nullcontext:  # what NumPy computes is in the caller's
    by_numpy = ("prelu.vjp", "logcumsumexp")
    jobs = [(name, job) for name, job in jobs if "entropy" not in name and name not in by_numpy]
def bits_of(result):
    return [np.asarray(part).tobytes() for part in (result if isinstance(result, tuple) else (result,))]

# The pool's threads are made by a call in another environment than the ones that follow.
fa.set_num_threads(2)
use(MODES["flush to zero"])
fa.silu(x)
use(0)
expected = [bits_of(job()) for _, job in jobs]
assert expected == [bits_of(job()) for _, job in jobs]
assert np.count_nonzero((np.abs(fa.identity(x)) < np.finfo("f4").tiny) & (x != 0)) > x.size // 200
for mode, word in MODES.items():
    wrong = []
    for (name, job), bits in zip(jobs, expected, strict=True):
        use(word)
        before = control()
        result = job()
        after = control()
        use(0)
        if after != before or bits_of(result) != bits:
            wrong.append((name, hex(before), hex(after)))
    assert not wrong, (mode, wrong)
"""


CASES = [(name, "") for name in BACKENDS] + [("numba", "blocked")] * (
    "cython" in BACKENDS and "numba" in BACKENDS
)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="changes what glibc calls the environment")
@pytest.mark.skipif(
    not hasattr(os, "uname") or os.uname().machine not in ("x86_64", "aarch64"),
    reason="knows two processors",
)
@pytest.mark.parametrize("backend, blocked", CASES)
def test_the_callers_environment_changes_no_bit_and_stays(backend: str, blocked: str) -> None:
    if blocked == "" and backend == "numpy" and "cython" not in BACKENDS:
        pytest.skip(
            "NumPy's own loops run in the caller's environment where the extension is not built"
        )
    chosen = KINDS if backend == "numba" else []
    check_python(PROGRAM, *chosen, FASTACT_BACKEND=backend, BLOCKED=blocked, timeout=180)
