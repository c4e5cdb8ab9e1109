"""What every public function shows of itself and of its passes, whatever its family."""

from __future__ import annotations

import doctest
import inspect
import pydoc
import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import fastact as fa

each_function = pytest.mark.parametrize("name", fa.names())


def calls(name: str) -> Iterator[tuple[str, Any]]:
    """Yield the function and its other passes, each with its public name."""
    function = fa.get(name)
    yield name, function
    for pass_ in function.passes:
        if pass_ != "forward":
            yield f"{name}.{pass_}", getattr(function, pass_)


@each_function
def test_it_is_found_under_all_its_names(name: str) -> None:
    function = fa.get(name)
    assert function.name == name
    assert isinstance(function.aliases, tuple)
    for each in (name, *function.aliases):
        assert fa.get(each) is getattr(fa, each) is function
        assert each in fa.__all__ and each in dir(fa)


@each_function
def test_what_it_is_declared_with(name: str) -> None:
    function = fa.get(name)
    assert next(iter(function.passes)) == "forward"
    assert function.source and function.source in function.__doc__
    assert function.formula is None or isinstance(function.formula, str)
    shown = inspect.signature(function).parameters
    for parameter, default in function.parameters.items():
        assert shown[parameter].default == default


@each_function
def test_signatures_and_repr(name: str) -> None:
    for public, call in calls(name):
        signature = inspect.signature(call)
        assert "self" not in signature.parameters
        assert not any(p.kind == p.VAR_POSITIONAL for p in signature.parameters.values())
        assert not any(p.kind == p.VAR_KEYWORD for p in signature.parameters.values())
        assert repr(call) == f"<fastact.{public}{signature}>"
        assert (call.__module__, call.__qualname__) == ("fastact", public)


@each_function
def test_documentation(name: str) -> None:
    for public, call in calls(name):
        text = inspect.getdoc(call) or ""
        for section in ("Parameters", "Returns", "Raises"):
            assert f"\n{section}\n{'-' * len(section)}\n" in text, (public, section)
        described = text.split("\nParameters\n")[1].split("\nReturns\n")[0]
        for parameter in inspect.signature(call).parameters:
            assert f"{parameter} : " in described or f"{parameter}, " in described, (
                public,
                parameter,
            )


def test_sections_are_in_order() -> None:
    order = ("Parameters", "Returns", "Raises", "See Also", "Notes", "References", "Examples")
    for name in fa.names():
        text = inspect.getdoc(fa.get(name)) or ""
        found = re.findall(r"\n\n([A-Z][A-Za-z ]+)\n-+\n", text)
        assert found == [title for title in order if title in found]
        assert {"See Also", "References", "Examples"} < {*found}
        related = re.findall(r"^(\w+) : ", text.split("See Also")[1].split("\n\n")[0], re.MULTILINE)
        assert name not in related and 1 <= len({*related}) == len(related) <= 8
        assert {*related} < {*fa.names()}
    for pair in (("logit", "sigmoid"), ("prelu", "leaky_relu"), ("logaddexp", "logsumexp")):
        for one, other in (pair, pair[::-1]):
            assert f"\n{one} : " in (fa.get(other).__doc__ or ""), (one, other)
    # Nothing of another kind.
    assert "\nentr : " not in (fa.prelu.__doc__ or "")


def test_examples_give_what_they_show() -> None:
    """NumPy computes those of functions when they are shown; here the backend in force does."""
    others = [one for name in fa.__all__ if inspect.isfunction(one := getattr(fa, name))]
    others.remove(fa.register_backend)
    others.append(fa.accuracy.worst_error)
    for one in [fa, fa.gelu.source.__call__, *others, *map(fa.get, fa.names())]:
        name = getattr(one, "__qualname__", "fastact")
        found = doctest.DocTestParser().get_doctest(inspect.getdoc(one) or "", {}, name, None, 0)
        assert len(found.examples) > 1, name
        said: list[str] = []
        doctest.DocTestRunner(verbose=False).run(found, out=said.append)
        assert not said, "".join(said)


def test_what_is_filled_in_is_not_shown() -> None:
    for one in (fa.get("gelu_10"), fa.get("gelu_10").vjp):
        assert "limit" not in inspect.signature(one).parameters
        text = inspect.getdoc(one) or ""
        assert "\nwhere : " in text and "\nlimit : " not in text


def test_the_page_of_the_package_has_a_line_for_each_function() -> None:
    text = pydoc.plain(pydoc.render_doc(fa)).partition("\nPACKAGE CONTENTS")[0]
    for name in fa.names():
        assert re.search(rf"^ +{name} +\S", text, re.MULTILINE), name
    assert {"accuracy", "plotting"} < {*dir(fa)} - {*fa.__all__}


def test_notebooks_show_a_formula_and_a_picture() -> None:
    for name in fa.names():
        function = fa.get(name)
        shown = function._repr_html_()
        root = ElementTree.fromstring(shown.replace("<br>", "<br/>"))
        assert f"{name}(" in (root.findtext("code") or "")
        paths = [path.get("d") for path in root.iter("{http://www.w3.org/2000/svg}path")]
        assert len(paths) == (3 if "derivative" in function.passes else 0)
        assert len(shown) < 16_000
    # relu6 at -4, 0 and 4, in pixels to the right and downwards.
    curve = fa.relu6._repr_html_().rpartition("<path")[2]
    assert '"M0 80L' in curve and "L80 80L80.5 79.5L" in curve and "L160 0" in curve


GIVEN = {"pieces": 2, "weight": 0.25, "target": np.array([0.0, 1.0]), "value": np.ones(2)}


@each_function
def test_only_public_attributes_are_listed(name: str) -> None:
    function = fa.get(name)
    told = {"name", "aliases", "family", "parameters", "passes", "formula", "source"}
    ufunc = {"nin", "nout", "nargs", "types", "ntypes", "signature"}
    listed = {attribute for attribute in dir(function) if attribute[:2] != "__"}
    assert listed == told | ufunc | ({*function.passes} - {"forward"})
    for attribute in listed:
        getattr(function, attribute)


@each_function
def test_wrong_calls_name_the_function(name: str) -> None:
    for public, call in calls(name):
        with pytest.raises(TypeError, match=rf"^{re.escape(public)}\(\) (takes|missing) "):
            call()
        parameters = inspect.signature(call).parameters.values()
        required = [p.name for p in parameters if p.default is p.empty or p.name == "value"]
        arrays = [GIVEN.get(parameter, np.full(2, 0.5)) for parameter in required]
        with pytest.raises(TypeError, match=rf"^{re.escape(public)}\(\) has no parameter 'wrong'"):
            call(*arrays, wrong=1)


def test_arguments_that_have_another_name_elsewhere() -> None:
    x = np.ones((2, 3))
    with pytest.raises(TypeError, match=r"softmax\(\) has no parameter 'dim': .*mean 'axis'\?"):
        fa.softmax(x, dim=1)
    with pytest.raises(
        TypeError, match=r"logsumexp\(\) has no parameter 'keepdim': .*'keepdims'\?"
    ):
        fa.logsumexp(x, keepdim=True)
    with pytest.raises(
        TypeError, match=r"cross_entropy\(\) has no parameter 'dim': .*mean 'axis'\?"
    ):
        fa.cross_entropy(x, [0, 1], dim=1)
    with pytest.raises(TypeError, match=r"softmax\(\): axis=1.0: expected an integer"):
        fa.softmax(x, axis=1.0)


def test_names_that_are_written_otherwise() -> None:
    assert fa.get("ReLU") is fa.relu
    assert fa.get("LeakyReLU") is fa.get("leaky-relu") is fa.leaky_relu
    assert fa.get(None) is fa.identity
    assert fa.get(np.tanh) is np.tanh


WRONG = [
    (lambda: fa.maxout(np.ones(4), 2.0), TypeError, "pieces=2.0: expected an integer"),
    (lambda: fa.maxout(np.ones(4), 0), ValueError, "pieces=0: expected a positive integer"),
    (lambda: fa.cross_entropy(np.eye(2), [0, 1], ignore_index=1.5), TypeError, "ignore_index=1.5"),
    (lambda: fa.cross_entropy(np.eye(2), [0, 1], label_smoothing="a"), TypeError, "label_smoothing"),
    (lambda: fa.cross_entropy(np.eye(2), [0, 1], weight=[1, 2, 3]), ValueError, "one value per class"),
    (lambda: fa.glu("abc"), TypeError, "real numbers"),
    (lambda: fa.glu(np.ones(4), dim=0), TypeError, "mean 'axis'"),
    (lambda: fa.glu(np.ones(4), np.ones(4), order="gate_first"), TypeError, "one array"),
    (lambda: fa.glu.vjp(np.ones(2), np.ones(4), where=np.ones(2, bool)), TypeError, "two arrays"),
    (lambda: fa.binary_cross_entropy([1.5], [1]), ValueError, r"\[0, 1\]"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), WRONG)
def test_one_clear_line(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
