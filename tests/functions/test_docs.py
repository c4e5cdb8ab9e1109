"""The documentation says what is so: formulas against the definitions, pages from the table."""

from __future__ import annotations

import csv
import doctest
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
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


def test_formulas_become_mathml(formulas: Any, modules: Any) -> None:
    converter = pytest.importorskip("latex2mathml.converter", reason="needs the extra `docs`")
    several = modules("several")
    for function in map(fa.get, fa.names()):
        found = [one for pair in several.equations(function) for one in pair]
        if function.formula:
            made = (formulas.definition(function), formulas.derivative(function))
            found += [formulas.latex(one, function.parameters) for one in made]
        assert found, function.name
        for text in found:
            mathml = converter.convert(text)
            assert mathml.startswith("<math")
            assert "\\" not in mathml, text


def test_words_are_explained(formulas: Any, pages: Any) -> None:
    assert list(formulas.MEANINGS) == [
        *(getattr(formulas, word) for word in ("sigma", "softplus", "Phi", "phi")),
        *(sympy.erf, sympy.erfc, sympy.erfinv),
    ]
    assert "erfinv}(z)) = z`" in pages.page("erfinv")
    # The formula of what a call computes by default comes without bounds that are not given.
    for name in ("gelu", "gelu_tanh", "softplus"):
        equations = pages.page(name).partition("```{raw}")[0]
        assert "cases" not in equations and not re.search("limit|threshold", equations), equations
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
    function, text = fa.get(name), pages.page(name)
    assert text.startswith(f"# {name}\n")
    assert f".. py:function:: {name}(" in text
    assert text.count("```") % 2 == 0
    assert "\n## Source\n" in text
    assert "Source:" not in text
    for pass_, one in function.passes.items():
        assert pass_ == "forward" or f".. py:method:: {one.__qualname__}(" in text
    for alias in function.aliases:
        assert re.search(rf"^(\.\. py:data::| {{12}}) {alias}$", text, re.MULTILINE)
    assert all(f":param {parameter}:" in text for parameter in function.parameters)
    assert "{math}" in text
    assert "<svg" in text or f":file: ../gallery/{name}.svg" in text or name == "hardmax"
    # A sample is drawn at random, and maxout and crelu choose among their inputs.
    plain = name == "gumbel_softmax" or function.family == "channels"
    assert ("\n## Special values\n" in text) == (not plain and name != "nll")
    assert ("\n## Worst error\n" in text) == (
        not plain and name not in ("prelu", "rrelu", "hardmax")
    )


def test_passes_repeat_nothing_of_the_function(pages: Any) -> None:
    text = pages.page("softmax")
    assert text.count(":param where:") == 1
    assert text.count(":param axis:") == 1
    assert ":param y: The output of the function." in text


def test_formulas_of_several_arrays(modules: Any) -> None:
    several = modules("several")
    for name in several.EXPRESSIONS:
        check_formula(several, fa.get(name))


def check_formula(several: Any, function: Any) -> None:
    name, rng = function.name, np.random.default_rng(0)
    options = {
        key: default
        for key, default in function.parameters.items()
        if isinstance(default, float) and key != "weight"
    }
    between = rng.uniform(0.01, 0.99, (4, 1000))
    arrays = list(between if {"p", "var"} & set(function.arrays) else 3 * between - 1)
    if (function.family == "binary" and name != "logaddexp") or name == "kl_div":
        arrays = list(between)
    arrays = arrays[: len(function.arrays)]
    symbols = [*several.arrays(function), *(sympy.Symbol(key, real=True) for key in options)]
    compute = sympy.lambdify(symbols, several.definition(function), [WORDS, "numpy"])
    last = {"reduction": "none"} if function.family == "losses" else {}
    if "eps" in options:
        options["eps"] = 0.0
    expected = compute(*arrays, *options.values())
    found = function(*arrays, **options, **last)
    np.testing.assert_allclose(found, expected, 1e-12, 1e-13, err_msg=name)


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


def test_the_index_has_a_picture_of_every_function(pages: Any) -> None:
    text = pages.index()
    assert text.count('class="thumbnail"') == len(fa.names())
    assert all(f'<a href="{name}.html">' in text for name in fa.names())


def test_pictures_follow_the_theme_of_the_page(pages: Any, modules: Any) -> None:
    text = modules("themed").inline(modules("fastact.plotting").panels("relu"), "a picture")
    assert "var(--picture-blue)" in text and "var(--color-background-primary)" in text
    colours = {*re.findall(r"(?:fill|stroke): (#\w+)", text)}
    # The ends of the colours of the image are beside it, whatever the theme.
    assert colours <= {"#003a5c"}, colours
    assert ">the function</text>" in text and not re.search(r'id="(?!p[0-9a-f]{8}-)', text)


def test_uses_and_defaults_are_of_functions_that_are_here(pages: Any) -> None:
    assert set(pages.uses()) <= set(fa.names())
    for _, _, here in pages._differing():
        eval(here.strip("`"), {"fastact": fa, "x": np.ones(2)})


def test_properties(pages: Any, modules: Any) -> None:
    computed = modules("parts").computed
    assert computed("relu", {}) == ("0 to ∞", "no", "yes", "no", "left")
    assert computed("sigmoid", {}) == ("0 to 1", "no", "yes", "yes", "both sides")
    assert computed("tanh", {}) == ("−1 to 1", "yes", "yes", "yes", "both sides")
    assert computed("gelu", {}) == ("−0.17 to ∞", "no", "no", "yes", "left")
    assert computed("step", {}) == ("0 to 1", "no", "yes", "no: it jumps", "both sides")


def test_the_command_line_page_has_every_command(pages: Any, modules: Any) -> None:
    parts = modules("parts")
    text = parts.command_line()
    assert all(f"\n## fastact {name}\n" in text for name in parts.program.commands)


#: What a page may need that the tests do not require.
OPTIONAL = ("torch", "sklearn", "onnx", "pandas", "xarray", "dask", "numba", "mpmath")
BOOK = [ROOT / "README.md", *sorted(DOCS.glob("*.md")), *sorted(DOCS.glob("howto/*.md"))]


# Python 3.12 warns of every fork of a process with threads.
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("path", BOOK, ids=lambda path: path.stem)
def test_the_examples_of_a_page_run(path: Path, tmp_path: Path, monkeypatch: Any) -> None:
    """A page is one session: ```python blocks are executed, ```pycon blocks are checked, in order."""
    blocks = re.findall(r"^```(python|pycon)\n(.*?)^```$", path.read_text("utf-8"), re.M | re.S)
    if not blocks:
        pytest.skip("no examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    session = ModuleType("session")
    monkeypatch.setitem(sys.modules, "session", session)  # for pickle
    names = vars(session)
    count = fa.get_num_threads()
    try:
        for number, (kind, code) in enumerate(blocks):
            if kind == "python":
                # A file, because fastact.activation and Numba read the source.
                file = tmp_path / f"block{number}.py"
                file.write_text(code, encoding="utf-8")
                exec(compile(code, str(file), "exec"), names)
            else:
                check_session(code, names, f"{path.name}, block {number}")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in OPTIONAL:
            raise
        pytest.skip(f"needs {error.name}")
    finally:
        fa.set_num_threads(count)


def check_session(code: str, names: dict[str, Any], title: str) -> None:
    for module in re.findall(r"^>>> (?:import|from) ([\w.]+)", code, re.MULTILINE):
        import_module(module)  # outside of the session: where it is missing, the page is skipped
    test = doctest.DocTestParser().get_doctest(code, names, title, title, 0)
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    runner.run(test, out=said.append, clear_globs=False)
    names.update(test.globs)
    assert runner.failures == 0, "".join(said)
