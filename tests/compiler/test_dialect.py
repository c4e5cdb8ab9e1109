"""The translator: what it accepts, what it refuses and where, and what it writes."""

from __future__ import annotations

import re
from math import inf
from pathlib import Path
from typing import Any

import pytest

import fastact as fa
from conftest import ROOT
from fastact.compiler import build, emit_c, emit_numba, row_kernels
from fastact.compiler.kernels import DTYPES, kernels, trace, with_plain
from fastact.compiler.schedule import in_order_of_need
from fastact.compiler.trace import DialectError
from fastact.definitions.activations import TABLE
from fastact.definitions.declare import Table
from fastact.definitions.dialect import (
    coefficients,
    entries,
    exact,
    fma,
    leading,
    lookup,
    low,
    per_type,
    pieces,
    piecewise,
    polynomial,
    row_max,
    row_sum,
)
from fastact.definitions.tables import ELEMENTWISE, ROWS
from fastact.functions.stub import stub

GOLDEN = Path(__file__).parent / "golden"
LINE = exact("0.1")
CURVE = coefficients(f32=("0x1p0", "0x1p-1"), f64=("0x1p0", "0x1p-1", "0x1p-2"))
STEPS = entries(f32=("0x1p0",) * 7 + ("0x1p1",), f64=("0x1p0",) * 4 + ("0x1p1",) * 4)
BENT = pieces(f32=(("0x1p0", "0x1p-1"),) * 4 + (("0x1p1", "0x1p-2"),) * 4)


def stepped(x: Any) -> Any:
    index = leading(1.0 + abs(x))
    return piecewise(x, index, BENT) * lookup(index, STEPS)


def smooth(x: Any) -> Any:
    return x * lookup(leading(x), STEPS)


BY_TYPE = per_type(f32=stepped, f64=smooth)


def sample() -> Table:
    """One declaration that uses every construct of the dialect."""
    table = Table()

    @table.declare(formula="x", source="none", aliases=("other",))
    def sample(x: Any, slope: float = 0.5) -> Any:
        """A sample."""
        y = -abs(x) * slope
        curved = fma(polynomial(y, CURVE), LINE, x * low(slope) + low(LINE))
        below = x < 0.0 and not x <= -9.0
        return max(min(curved, 2.0 * 3.0), -inf_()) if below or 1.0 <= x < 2.0 else curved

    @sample.derivative
    def sample_slope(x: Any, slope: float) -> Any:
        return BY_TYPE(x) if x > 0.0 else slope

    return table


def inf_() -> Any:
    """A dialect function without arguments, to be traced in place."""
    return INFINITE


INFINITE = inf


@pytest.mark.parametrize("target", ["c", "numba"])
def test_golden(target: str, request: pytest.FixtureRequest) -> None:
    shown = ("forward", "f32"), ("derivative", "f64"), ("value_and_derivative", "f64")
    every = {(kernel.pass_, kernel.dtype): kernel for kernel in kernels(sample())}
    traced = [every[key] for key in (shown[:2] if target == "numba" else shown[::2])]
    text = (
        emit_c.header(traced, ROOT) + emit_c.rows(traced)
        if target == "c"
        else emit_numba.module(traced)
    )
    text = re.sub(r"#line .*\n", "", text)  # which are tested below
    golden = GOLDEN / f"sample.{target}.txt"
    if request.config.getoption("--write-golden"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8"), "see --write-golden"


def test_a_default_of_zero_has_no_kernel_of_its_own() -> None:
    """Backends would run it for -0.0, which is equal to the default, too."""
    table = Table()

    @table.declare(formula="x", source="none")
    def of_one(x: Any, a: float = 1.0) -> Any:
        return x * a

    @table.declare(formula="x", source="none")
    def of_zero(x: Any, b: float = 1.0, a: float = 0.0) -> Any:
        return x * b + a

    assert with_plain(trace(of_one, "forward", "f32")).plain is not None
    assert with_plain(trace(of_zero, "forward", "f32")).plain is None


def test_line_directives_name_the_source() -> None:
    (row,) = {
        line
        for line in emit_c.header(
            [trace(TABLE["relu"], "forward", "f32")], build.PACKAGE.parent
        ).splitlines()
        if line.startswith("#line")
    }
    number, file = re.fullmatch(r'#line (\d+) "(.+)"', row).groups()  # type: ignore[union-attr]
    assert file == "fastact/definitions/activations/piecewise.py"
    source = (build.PACKAGE.parent / file).read_text(encoding="utf-8").splitlines()
    assert source[int(number) - 1].strip() == "return max(x, 0.0)"


def branches(x: Any) -> Any:
    if x > 0.0:
        return x
    return 0.0


def integer_division(x: Any) -> Any:
    return x // 2.0


def unknown_name(x: Any) -> Any:
    return x + nowhere  # type: ignore[name-defined]


def no_mask(x: Any) -> Any:
    return x if x else 0.0


def text_constant(x: Any) -> Any:
    return x + "1"


def low_of_a_sum(x: Any) -> Any:
    return low(x + 1.0)


def wrong_arity(x: Any) -> Any:
    return fma(x, x)


def returns_nothing(x: Any) -> Any:
    x = x + 1.0


def foreign_call(x: Any) -> Any:
    return round(x)


def seven_entries(x: Any) -> Any:
    return lookup(leading(x), SEVEN)


def no_pieces(x: Any) -> Any:
    return piecewise(x, leading(x), NO_PIECES)


SEVEN = entries(f32=("0x1p0",) * 7)
NO_PIECES = pieces(f64=(("0x1p0",),) * 8)


REFUSED = {
    branches: (1, "If is not of the dialect"),
    integer_division: (1, "operator FloorDiv is not of the dialect"),
    unknown_name: (1, "nowhere is not known here"),
    no_mask: (1, "a condition has to be a comparison"),
    text_constant: (1, "'1' is not a number"),
    low_of_a_sum: (1, "low() takes a parameter or a constant"),
    wrong_arity: (1, "fma() takes 3 arguments, 2 given"),
    returns_nothing: (0, "returns_nothing() returns nothing"),
    foreign_call: (1, "round is not known here"),
    seven_entries: (1, "a table has 8 entries for f32, not 7"),
    no_pieces: (1, "a table has 8 entries for f32, not 0"),
}


@pytest.mark.parametrize("function", REFUSED, ids=lambda f: f.__name__)
def test_refused_with_the_line(function: Any) -> None:
    offset, message = REFUSED[function]
    table = Table()
    declaration = table.declare(formula="x", source="none")(function)
    with pytest.raises(DialectError, match=re.escape(message)) as caught:
        trace(declaration, "forward", "f32")
    assert caught.value.filename == __file__
    assert caught.value.lineno == function.__code__.co_firstlineno + offset


def maximum_of_a_sum(x: Any, temperature: float = 1.0) -> Any:
    return x / row_max(x * row_sum(x))


def maximum_by_itself(x: Any, temperature: float = 1.0) -> Any:
    return x / (1.0 + row_max(x))


def maximum_of_two(g: Any, x: Any, temperature: float = 1.0) -> Any:
    return g / (row_max(x) + row_sum(x))


def sum_below_the_maximum(x: Any, temperature: float = 1.0) -> Any:
    return x / row_sum(x - row_max(x))


def two_parameters(x: Any, temperature: float = 1.0, eps: float = 0.5) -> Any:
    return x / (row_sum(x) + eps)


REFUSED_ROWS = {
    maximum_of_a_sum: "without other values of the row",
    maximum_by_itself: "stands beside row_sum()",
    maximum_of_two: "for functions of one input",
    sum_below_the_maximum: "are row_sums()",
    two_parameters: "has one parameter, its temperature",
}


@pytest.mark.parametrize("function", REFUSED_ROWS, ids=lambda f: f.__name__)
def test_rows_that_the_loops_cannot_compute_are_refused(function: Any) -> None:
    inputs = ("g", "x") if function is maximum_of_two else ("x",)
    declaration = Table().declare(source="none", inputs=inputs)(function)
    with pytest.raises(DialectError, match=re.escape(REFUSED_ROWS[function])) as caught:
        row_kernels.trace(declaration, "forward", "f32")
    assert caught.value.lineno == function.__code__.co_firstlineno


def test_a_declaration_without_derivative_is_refused() -> None:
    table = Table(required=("forward", "derivative"))
    table.declare(formula="x", source="none")(inf_to_x)
    with pytest.raises(TypeError, match="inf_to_x declares no derivative"):
        list(kernels(table))


def inf_to_x(x: Any) -> Any:
    return x + 1.0


@pytest.mark.parametrize("dtype", DTYPES)
def test_value_and_derivative_share_their_work(dtype: Any) -> None:
    work = {
        p: trace(TABLE["gelu"], p, dtype).work
        for p in ("forward", "derivative", "value_and_derivative")
    }
    assert work["value_and_derivative"] < 0.75 * (work["forward"] + work["derivative"])


def test_products_with_a_selected_zero_or_one_vanish() -> None:
    kernel = trace(TABLE["relu6"], "vjp", "f32")
    chosen = [node for node in kernel.nodes if node.op == "select"]
    assert any(node.op == "in0" for select in chosen for node in select.args), "g itself, not g · 1"


@pytest.mark.parametrize("pass_", TABLE["gelu"].passes)
def test_scheduling_keeps_all_operations_and_operands_first(pass_: str) -> None:
    nodes = trace(TABLE["gelu"], pass_, "f32").nodes
    order = in_order_of_need(nodes)
    assert len(order) == len(nodes) and set(order) == set(nodes)
    place = {node: k for k, node in enumerate(order)}
    assert all(place[arg] < place[node] for node in order for arg in node.args)
    looked_up = [node for node in nodes if node.op == "lookup"]
    assert looked_up
    for node in looked_up:
        first = min(place[other] for other in nodes if node in other.args)
        assert all(order[k].op == "lookup" for k in range(place[node], first))


@pytest.mark.slow
def test_unchanged_files_are_left_alone(tmp_path: Path) -> None:
    build.write_numba(tmp_path)
    before = {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()}
    build.write_numba(tmp_path)
    assert before == {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()}
    assert {file.stem for file in before} == {
        "__init__",
        *ELEMENTWISE,
        *(f"rows_{row}" for row in ROWS),
    }


def test_the_stub_names_everything_public() -> None:
    text = stub()
    compile(text, "__init__.pyi", "exec")
    for name in fa.__all__:
        assert re.search(rf"^{name}: |^def {name}\(| as {name}\b", text, re.MULTILINE), name
    # Arguments that are documented with a type that the stub knows.
    assert {*re.findall(r"(\w+): Any\b(?: \| None)? = ", text)} == {"out"}
    for name, declaration in TABLE.items():
        kind = "".join(part[:1].upper() + part[1:] for part in name.split("_"))
        (call,) = re.findall(rf"class {kind}\((\w+), Function\)", text)
        (overloads,) = re.findall(rf"class {call}\(Pass\):\n *@overload\n(.*)\n", text)
        assert all(
            f"{parameter}: " in overloads
            for parameter in (*declaration.params, *declaration.choices)
        )
