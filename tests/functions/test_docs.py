"""The documentation says what is so: formulas against the definitions, pages from the table."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import fastact as fa
from conftest import ROOT, WORST, required
from fastact.functions.elementwise import FUNCTIONS
from fastact.reference import activations as reference

DOCS, BENCH = ROOT / "docs", ROOT / "bench"
sympy = pytest.importorskip("sympy", reason="needs the extra `docs`")
special = pytest.importorskip("scipy.special")

WORDS = {
    "sigma": special.expit,
    "Phi": special.ndtr,
    "phi": lambda x: np.exp(-x * x / 2) / np.sqrt(2 * np.pi),
    "erf": special.erf,
    "erfc": special.erfc,
    "erfinv": special.erfinv,
    "softplus": lambda x: np.logaddexp(0, x),
}
FORMULAS = [name for name in fa.names() if fa.get(name).formula]
LIBRARIES = {"PyTorch": "torch", "JAX": "jax", "Keras": "keras", "MLX": "mlx", "SciPy": "scipy"}


@pytest.fixture(scope="module")
def modules() -> Iterator[Any]:
    """Import the modules of docs/, which is a folder of programs and not a package."""
    sys.path[:0] = [str(DOCS), str(BENCH)]
    yield import_module
    sys.path.remove(str(DOCS))
    sys.path.remove(str(BENCH))


@pytest.fixture(scope="module")
def formulas(modules: Any) -> Any:
    return modules("formulas")


@pytest.fixture(scope="module")
def pages(modules: Any) -> Any:
    for name in ("sphinx", "myst_parser", "matplotlib", "PIL"):
        if find_spec(name) is None:
            pytest.skip(f"{name} is not here: pages need the extra `docs`")
    return modules("pages")


def arguments(name: str) -> tuple[np.ndarray, dict[str, Any]]:
    """Points all over the bends, the parameters' kinks among them, and numbers for its parameters."""
    if name in FUNCTIONS:
        declared = FUNCTIONS[name].declaration.params
        options = {n: p.default for n, p in declared.items()} | required(FUNCTIONS[name])
    else:
        options = {"weight": 0.25} if name == "prelu" else {"lower": 0.125, "upper": 0.5}
    kinks = [value for value in options.values() if np.isfinite(value)]
    return np.array([*np.linspace(-9, 9, 1801), *kinks, *(-k for k in kinks)]), options


@pytest.mark.parametrize("pass_", ["forward", "derivative"])
@pytest.mark.parametrize("name", FORMULAS)
def test_formulas_are_the_definitions(formulas: Any, name: str, pass_: str) -> None:
    function = fa.get(name)
    make = formulas.definition if pass_ == "forward" else formulas.derivative
    x, options = arguments(name)
    symbols = [formulas.X, *(sympy.Symbol(parameter, real=True) for parameter in options)]
    compute = sympy.lambdify(symbols, make(function), [WORDS, "numpy"])
    with np.errstate(all="ignore"):  # of a quotient's other branch
        found = np.broadcast_to(compute(x, *options.values()), x.shape)
    if name in FUNCTIONS:
        truth = reference.evaluate(name, pass_, x, *options.values())
    else:
        truth = (function if pass_ == "forward" else function.derivative)(x, **options)
    # Where a function is not defined a formula may have a value, log's derivative below 0; or none, 0·log 0.
    seen = np.isfinite(truth) & ~(np.isnan(found) & (x == 0.0))
    assert seen.sum() > 90
    found, truth, x = found[seen], truth[seen], x[seen]
    error = np.abs(found - truth) / np.maximum(1, np.abs(truth))
    WORST[f"formula, {name} {pass_}"] = f"{error.max():.2g} at {x[error.argmax()]:.6g}"
    # What double precision leaves of a textbook formula (1.5e-14 for log_ndtr′); a wrong branch is off by
    # more.
    assert error.max() < 2e-14


def test_every_function_with_a_derivative_has_a_formula() -> None:
    assert set(FORMULAS) == {name for name in fa.names() if hasattr(fa.get(name), "derivative")}


@pytest.mark.parametrize("name", FORMULAS)
def test_formulas_name_every_parameter(formulas: Any, name: str) -> None:
    symbols = {symbol.name for symbol in formulas.definition(fa.get(name)).free_symbols}
    assert symbols == {"x", *arguments(name)[1]}


@pytest.mark.parametrize("name", FORMULAS)
def test_formulas_become_mathml(formulas: Any, name: str) -> None:
    converter = pytest.importorskip("latex2mathml.converter", reason="needs the extra `docs`")
    for make in (formulas.definition, formulas.derivative):
        mathml = converter.convert(formulas.latex(make(fa.get(name)), fa.get(name)))
        assert mathml.startswith("<math")
        assert "\\" not in mathml


def test_words_are_explained(formulas: Any, pages: Any) -> None:
    assert list(formulas.MEANINGS) == [
        getattr(formulas, word) for word in ("sigma", "softplus", "Phi", "phi")
    ]
    assert pages.page("gelu").count("{math}`") == 2
    assert "softplus}(z)" in pages.page("mish")
    assert "{math}`" not in pages.page("relu")


def elsewhere() -> list[tuple[str, str, str]]:
    with (ROOT / "fastact" / "elsewhere.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [(row["function"], key, row[key]) for row in rows for key in row if key != "function"]


def test_other_names_are_of_functions_that_are_here() -> None:
    assert {function for function, _, _ in elsewhere()} <= set(fa.names())


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("library", LIBRARIES)
def test_other_libraries_have_these_names(library: str) -> None:
    if find_spec(LIBRARIES[library]) is None:
        pytest.skip(f"{library} is not here")
    for _, key, text in elsewhere():
        if key == library and text:
            *path, last = text.partition("(")[0].split(".")
            assert hasattr(import_module(".".join(path)), last), text


@pytest.mark.parametrize("name", fa.names())
def test_a_page_for_each_function(pages: Any, name: str) -> None:
    text = pages.page(name)
    assert text.startswith(f"# {name}\n")
    assert f".. py:function:: fastact.{name}(" in text
    assert text.count("```") % 2 == 0
    assert text.count("```{math}") == 2 * (name in FORMULAS)
    assert "\n## Source\n" in text
    assert "Source:" not in text
    if name not in FUNCTIONS:
        first = fa.get(name).__doc__.strip().splitlines()[0]
        assert first.replace("|", "\\|") in text
        return
    function = FUNCTIONS[name]
    for section in ("Special values", "Worst error"):
        assert f"\n## {section}\n" in text
    assert ("\n## Parameters\n" in text) == bool(function.parameters)
    assert all(f"`{parameter}" in text for parameter in function.parameters)
    assert all(f"``{alias}``" in text for alias in function.aliases)
    assert f"{{figure}} ../gallery/{name}.png" in text


def test_passes_with_what_they_take(pages: Any) -> None:
    assert "``vjp(g, x)``, ``value_and_derivative(x)``, ``vjp_from_output(g, y)``" in pages.page(
        "tanh"
    )
    assert "Its passes: ``vjp(g, y)``." in pages.page("softmax")
    assert "``vjp(g, x, weight)``" in pages.page("prelu")


def test_special_values_are_the_functions_own(pages: Any) -> None:
    text = pages.page("hard_swish")
    assert (
        "| −∞ | −0 | 0 |\n| −largest finite | −0 | 0 |\n| −3 | −0 | 0 |\n| −0 | −0 | 0.5 |" in text
    )
    assert "| 3 | 3 | 1 |\n| largest finite | largest finite | 1 |" in text
    assert "| 1 | 0 | 0 |" in pages.page("threshold")
    assert "With `cap=1`." in pages.page("softcap")


def test_a_function_without_measurements(pages: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(pages.ACCURACY, "results", {})
    assert "Not measured yet; `fastact accuracy gelu`" in pages.page("gelu")


def test_papers_are_linked(pages: Any) -> None:
    assert "[arXiv:1606.08415](https://arxiv.org/abs/1606.08415), section 2" in pages.page(
        "gelu_tanh"
    )
    assert "(https://doi.org/10.1037/h0042519)" in pages.page("step")


def test_the_gallery_names_every_function(pages: Any) -> None:
    text = pages.index(pages.plotting.gallery())
    assert all(f"]({name}.md)" in text for name in fa.names())
