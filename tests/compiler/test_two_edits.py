"""A function of any kind is two edits, a declaration and a definition: everything else follows from the tables."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from conftest import ROOT
from representatives import looped

# File below definitions/ and reference/ -> the two edits.
EDITS = {
    "activations/piecewise.py": (
        '''

@elementwise(
    aliases=("hump",), formula="bend*x*abs(x)", source="nowhere", domain=("bend >= -4",)
)
def odd_square(x: Any, bend: float = 0.25) -> Any:
    """`bend`·x·|x|."""
    return bend * x * abs(x)


@odd_square.derivative
def odd_square_slope(x: Any, bend: float) -> Any:
    return 2.0 * bend * abs(x)
''',
        """

def odd_square(m: Mathematics, x: Number, bend: Number = 0.25) -> Number:
    return bend * x * m.magnitude(x)


@derivative_of(odd_square)
def _(m: Mathematics, x: Number, bend: Number = 0.25) -> Number:
    return 2 * bend * m.magnitude(x)
""",
    ),
    "gates.py": (
        '''

@gate(source="nowhere", order="value_first")
def odd_gate(gate: Any, value: Any) -> Any:
    """2·gate·value."""
    return 2.0 * gate * value


@odd_gate.vjp(outputs=GRADIENTS)
def odd_gate_vjp(g: Any, gate: Any, value: Any) -> Any:
    return 2.0 * g * value, 2.0 * g * gate
''',
        """

class Twice:
    def forward(self, m: Mathematics, gate: Number, value: Number) -> tuple[Number]:
        return (2 * gate * value,)

    def vjp(self, m: Mathematics, g: Number, gate: Number, value: Number) -> tuple[Number, Number]:
        return 2 * g * value, 2 * g * gate


GATES["odd_gate"] = Twice()
""",
    ),
    "binary.py": (
        '''

@BINARY.declare(source="nowhere", inputs=TWO)
def odd_pair(x: Any, y: Any) -> Any:
    """2·x·y."""
    return 2.0 * x * y


@odd_pair.vjp(outputs=GRADIENTS)
def odd_pair_vjp(g: Any, x: Any, y: Any) -> Any:
    return 2.0 * g * y, 2.0 * g * x
''',
        """

class OddPair:
    def forward(self, m: Mathematics, x: Number, y: Number) -> tuple[Number]:
        return (2 * x * y,)

    def vjp(self, m: Mathematics, g: Number, x: Number, y: Number) -> tuple[Number, Number]:
        return 2 * g * y, 2 * g * x


BINARY["odd_pair"] = OddPair()
""",
    ),
    "rows.py": (
        '''

@rowwise(aliases=("row_share",), source="nowhere")
def odd_row(x: Any, temperature: float = 1.0) -> Any:
    """x/T over the sum of |x|."""
    return per(x, temperature) / row_sum(abs(x))


@odd_row.vjp()
def odd_row_vjp(g: Any, y: Any, temperature: float) -> Any:
    return per(y * row_sum(g), temperature)
''',
        """

@defines("odd_row forward")
def odd_row(m: Arithmetic, x: Array, mask: Array, temperature: float) -> tuple[Array, ...]:
    return (np.where(mask, x / temperature / _sum(m, abs(x), mask), 0.0),)


@defines("odd_row vjp", inputs=2)
def _(m: Arithmetic, g: Array, y: Array, mask: Array, temperature: float) -> tuple[Array, ...]:
    return _product(y * _sum(m, g, mask), mask, temperature)
""",
    ),
    "losses.py": (
        '''

@loss(source="nowhere", domain=("bend >= 0",), flags=("odd",))
def odd_loss(
    x: Any,
    target: Any,
    weight: float = 1.0,
    bend: float = 1.0,
    scale: float = 1.0,
    odd: Any = False,
) -> Any:
    """`bend`·(x - t)², or `odd` x - t."""
    d = x - target
    return weight * (d if odd else bend * d * d)


@odd_loss.gradient()
def odd_gradient(
    x: Any, target: Any, weight: float, bend: float, scale: float, odd: Any
) -> Any:
    return weight * scale * (1.0 if odd else 2.0 * bend * (x - target))
''',
        """

@dataclass(frozen=True)
class OddLoss(Loss):
    odd: bool

    def value(self, m: Mathematics, x: Number, t: Number, bend: Number) -> Number:
        return x - t if self.odd else bend * (x - t) * (x - t)

    def slope(self, m: Mathematics, x: Number, t: Number, bend: Number) -> Number:
        return 1.0 + 0 * x if self.odd else 2 * bend * (x - t)


LOSSES["odd_loss"], LOSSES["_odd_loss_odd"] = OddLoss(odd=False), OddLoss(odd=True)
""",
    ),
}
# What the copy does without, so as to be compiled in a second: all but these, which others are made of.
KEPT = {
    "activations/__init__.py": ("TABLE", ["odd_square", "leaky_relu", "relu", "identity"]),
    "gates.py": ("GATES", ["odd_gate"]),
    "rows.py": ("ROWS", ["odd_row", "softmax", "logsumexp", "_exp_sum", "_cross_entropy"]),
}
FEWER = """

for _name in {{*{table}}} - {{*{kept}}}:
    del {table}[_name]
"""
# Of PyTorch's names those of functions that are left.
FEWER_OF_PYTORCH = """

_DECLARED = tuple(one for one in _DECLARED if one[1] in PUBLIC)
"""
PROGRAM = """
import numpy as np
import fastact as fa

x = np.linspace(-3, 3, 101, dtype=np.float32)
y = x[::-1] + np.float32(0.5)
available = [name for name, state in fa.backends().items() if state == "available"]


def close(result, expected):
    np.testing.assert_allclose(result, expected, rtol=2e-6, atol=1e-7)


for name in available:
    with fa.use_backend(name):
        close(fa.hump(x, bend=0.5), x * np.abs(x) / 2)
        close(fa.get("odd_square").vjp(x, x), x * np.abs(x) / 2)
        close(fa.odd_gate(x, y), 2 * x * y)
        close(fa.odd_gate(np.concatenate([y, x])), 2 * x * y)
        close(fa.odd_gate.vjp(x, x, y)[0], 2 * x * y)
        close(fa.odd_pair(x, y), 2 * x * y)
        close(fa.odd_pair.vjp(x, x, y)[1], 2 * x * x)
        close(fa.row_share(x, temperature=0.5), 2 * x / np.abs(x).sum())
        close(fa.odd_row.vjp(y, x), x * y.sum(dtype=float))
        loss, dx = fa.odd_loss.value_and_grad(x, y, weight=3.0, reduction="sum")
        close(loss, 3 * ((x - y) ** 2).sum(dtype=float))
        close(dx, 6 * (x - y))
        close(fa.odd_loss(x, y, reduction="none"), (x - y) ** 2)
        close(fa.odd_loss.vjp(x, x, y, bend=0.5, reduction="none"), x * (x - y))
        close(fa.odd_loss(x, y, odd=True, reduction="none"), x - y)
try:
    fa.odd_square(x, bend=-5.0)
except ValueError as error:
    assert "outside the domain bend >= -4" in str(error)
else:
    raise AssertionError("the domain was not looked at")
assert {"odd_square", "odd_gate", "odd_pair", "odd_row", "odd_loss"} <= set(fa.names())
assert "bend" in fa.odd_square.__doc__
assert "2·gate·value" in fa.odd_gate.__doc__ and "order" in fa.odd_gate.__doc__
assert "over the sum of |x|" in fa.odd_row.__doc__
assert "(x - t)²" in fa.odd_loss.__doc__ and {"bend", "odd"} < {*fa.odd_loss.parameters}
print(*available)
"""
PAGE = """
import sys

sys.path[:0] = ["docs", "bench"]
import pages

print(pages.page("odd_square"))
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built copy of the sources with a function more of each kind."""
    if not (ROOT / "setup.py").exists() or find_spec("setuptools") is None:
        pytest.skip("the sources or setuptools are not here")
    folder = tmp_path_factory.mktemp("copy")
    ignore = shutil.ignore_patterns("*.so", "_kernels", "__pycache__", "__init__.pyi")
    for name in ("fastact", "csrc"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    for floor, edit in (("definitions", 0), ("reference", 1)):
        for name, texts in EDITS.items():
            with (folder / "fastact" / floor / name).open("a", encoding="utf-8") as file:
                file.write(texts[edit])
        for name, (table, kept) in KEPT.items():
            if (floor, name) == ("reference", "rows.py"):
                continue  # which has passes of functions
            with (folder / "fastact" / floor / name).open("a", encoding="utf-8") as file:
                file.write(FEWER.format(table=table, kept=kept))
    with (folder / "fastact/functions/pytorch.py").open("a", encoding="utf-8") as file:
        file.write(FEWER_OF_PYTORCH)
    skip = {} if find_spec("Cython") else {"FASTACT_NO_EXTENSION": "1"}
    command = [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"]
    environment = {**os.environ, "FASTACT_BUILD_ISAS": "baseline", **skip}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=170
    )
    assert done.returncode == 0, done.stderr
    return folder


def run(copy: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    command = [sys.executable, *arguments]
    done = subprocess.run(
        command, cwd=copy, env=environment, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def they_are_in_every_backend(copy: Path) -> None:
    compiled = {"cython"} if find_spec("Cython") else set()
    if find_spec("numba"):
        compiled.add("numba")
    assert compiled, "neither Cython nor Numba is here: nothing would be compiled"
    assert {"numpy", *compiled} <= set(run(copy, "-c", PROGRAM).split())


def they_are_in_the_stub(copy: Path) -> None:
    stub = (copy / "fastact/__init__.pyi").read_text(encoding="utf-8")
    for name in ("hump", "odd_square", "odd_gate", "odd_pair", "row_share", "odd_row", "odd_loss"):
        assert f"\n{name}: " in stub
    of_torch = (copy / "fastact/torch/__init__.pyi").read_text(encoding="utf-8")
    assert (
        "\ndef odd_square(input: Tensor" in of_torch and "\ndef odd_gate(gate: Tensor" in of_torch
    )


def it_is_on_the_command_line(copy: Path) -> None:
    assert "odd_square" in run(copy, "-m", "fastact", "list")
    assert "odd_square" in run(copy, "-m", "fastact", "accuracy", "odd_square", "--count=1000")


def it_has_a_picture(copy: Path) -> None:
    if not find_spec("matplotlib"):
        return
    assert run(copy, "-m", "fastact", "plot", "odd_square", "-o", "picture.svg") == "picture.svg\n"
    assert (copy / "picture.svg").stat().st_size > 10_000


def it_has_a_page(copy: Path) -> None:
    if not all(map(find_spec, ("sphinx", "myst_parser", "sympy", "matplotlib"))):
        return  # pages need the extra `docs`
    for name in ("docs", "bench"):
        generated = shutil.ignore_patterns(
            "_build", "functions", "gallery", "generated", "measured"
        )
        shutil.copytree(ROOT / name, copy / name, ignore=generated)
    page = run(copy, "-c", PAGE)
    assert "f(x) = \\mathrm{bend}" in page
    assert ".. py:data:: hump" in page
    assert "Not measured yet" in page


def the_tests_know_it(copy: Path) -> None:
    shutil.copytree(ROOT / "tests", copy / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    selected = run(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/accuracy/test_kernels.py",
                   "tests/accuracy/test_reference.py", "-k", "odd_square")  # fmt: skip
    assert "passed" in selected
    assert "failed" not in selected


CHECKS = (
    they_are_in_every_backend,
    they_are_in_the_stub,
    it_is_on_the_command_line,
    it_has_a_picture,
    it_has_a_page,
    the_tests_know_it,
)


@pytest.mark.slow
@looped("check", CHECKS)
def test_a_function_of_each_kind(check: Callable[[Path], None], copy: Path) -> None:
    """One test: several could be run by several processes, and each would build the copy."""
    check(copy)
