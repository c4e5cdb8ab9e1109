"""softmax and log_softmax with a cap, a bias, a sink and a temperature for each row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastact as fa
from halves import CHARS, eps

mpmath = pytest.importorskip("mpmath")

RNG = np.random.default_rng(0)
X, G = RNG.normal(0, 4, (2, 3, 4, 9))
BIAS, SINK = RNG.normal(size=(4, 9)), RNG.normal(size=4)
BIAS[1, 2] = -np.inf
HEAT, MASK = RNG.uniform(0.5, 2, (3, 4)), RNG.random((3, 4, 9)) < 0.7
EVERYTHING = {"cap": 3.0, "bias": BIAS, "sink": SINK, "temperature": HEAT, "where": MASK}
CALLS: list[dict[str, Any]] = [
    *({name: value} for name, value in EVERYTHING.items() if name != "where"),
    {"sink": 0.0},
    {"cap": 3.0, "temperature": 0.7, "sink": SINK},
    EVERYTHING,
]


def truth(x: Any, log: bool, **options: Any) -> Any:
    """Compute one row in 50 digits, and return with it the largest logit."""
    context = mpmath.mp.clone()
    context.dps = 50
    z = [context.mpf(float(one)) / options.get("temperature", 1.0) for one in x]
    if cap := options.get("cap"):
        z = [cap * context.tanh(one / cap) for one in z]
    if "bias" in options:
        z = [one + float(more) for one, more in zip(z, options["bias"], strict=True)]
    counts = options.get("where", [True] * len(z))
    terms = [context.exp(one) if count else 0 for one, count in zip(z, counts, strict=True)]
    total = sum(terms) + (context.exp(options["sink"]) if "sink" in options else 0)
    parts = [(context.log(t / total) if t else -np.inf) if log else t / total for t in terms]
    return np.array(parts, float), max(abs(float(one)) for one in z if one > -np.inf)


@pytest.mark.parametrize("char", CHARS)
@pytest.mark.parametrize("function", [fa.softmax, fa.log_softmax], ids=["softmax", "log_softmax"])
def test_values(function: Callable[..., Any], char: str, backend: str) -> None:
    x = X.astype(char)
    for call in CALLS:
        options = {k: v.astype(char) if k == "bias" else v for k, v in call.items()}
        got = function(x, **options)
        assert got.dtype == np.dtype(char)
        wide = {
            name: np.broadcast_to(np.asarray(value, float if name != "where" else bool),
                                  x.shape if name in ("bias", "where") else x.shape[:2])
            for name, value in options.items()
        }  # fmt: skip
        for place in np.ndindex(x.shape[:2]):
            row = {k: v[place] if v.ndim == 3 else float(v[place]) for k, v in wide.items()}
            expected, largest = truth(x[place], function is fa.log_softmax, **row)
            # Each of three steps rounds the logits, in float32 if the dtype has 16 bits.
            wrong = 4 * eps(char) + 2 * largest * eps("d" if char == "d" else "f")
            atol = 4 * eps(char) * largest if function is fa.log_softmax else 1e-7 * (char in "eE")
            np.testing.assert_allclose(got[place].astype(float), expected, rtol=wrong, atol=atol)
        first = {
            name: np.moveaxis(np.broadcast_to(value, x.shape), -1, 0)
            for name, value in options.items()
            if name in ("bias", "where")
        }
        along = np.moveaxis(x, -1, 0).copy()
        np.testing.assert_array_equal(
            np.moveaxis(np.asarray(function(along, 0, **{**options, **first}), float), 0, -1),
            got.astype(float),
        )


def test_gradients(backend: str) -> None:
    options = {"cap": 3.0, "temperature": HEAT, "where": MASK}
    given = {"x": X, "bias": np.maximum(BIAS, -9.0), "sink": SINK}
    for function in (fa.softmax, fa.log_softmax):

        def loss(x: Any, function: Any = function, **more: Any) -> Any:
            return np.sum(G * np.where(MASK, function(x, **more, **options), 0.0))

        y = function(given["x"], bias=given["bias"], sink=SINK, **options)
        found = function.vjp(G, y, **given, **options)
        for (name, value), gradient in zip(given.items(), found, strict=True):
            assert gradient.shape == value.shape
            for place in list(np.ndindex(value.shape))[::5]:
                h = np.zeros_like(value)
                h[place] = 1e-6
                slope = loss(**{**given, name: value + h}) - loss(**{**given, name: value - h})
                np.testing.assert_allclose(gradient[place], slope / 2e-6, atol=1e-7)
        both = function.vjp(G, y, x=X, sink=0.5, cap=3.0)
        assert len(both) == 2
        assert isinstance(both[1], np.floating)
        lonely = function(X, sink=-3.0)
        np.testing.assert_allclose(
            function.vjp(G, lonely, x=X, sink=-3.0)[0], function.vjp(G, lonely), atol=1e-14
        )


def test_long_rows_blocks_and_overlap() -> None:
    x = RNG.normal(size=(3, 100_001)).astype("f")
    wide = np.concatenate([x, np.full((3, 1), 0.25, "f")], axis=1)
    whole = fa.softmax(wide)[:, :-1]
    np.testing.assert_array_equal(fa.softmax(x, sink=0.25), whole)
    bias = RNG.normal(size=(700, 1, 64))
    x = RNG.normal(size=(700, 5, 64))
    expected = fa.softmax(x + bias)
    np.testing.assert_array_equal(fa.softmax(x, bias=bias), expected)
    g = RNG.normal(size=x.shape)
    dx, dbias = fa.softmax.vjp(g, expected, bias=bias)
    np.testing.assert_allclose(dbias, dx.sum(1, keepdims=True), atol=1e-15)
    assert fa.softmax(x, bias=bias, out=x) is x
    np.testing.assert_array_equal(x, expected)


def test_special_rows(backend: str) -> None:
    nothing = np.full(3, -np.inf)
    assert np.isnan(fa.softmax([1.0, 2.0], bias=nothing[:2])).all()
    assert (fa.softmax(nothing, sink=0.0) == 0.0).all()
    assert (fa.log_softmax(nothing, sink=0.0) == -np.inf).all()
    assert (fa.softmax(np.ones(3), sink=0.0, where=False) == 0.0).all()
    np.testing.assert_array_equal(
        fa.softmax.vjp(np.ones(3), np.zeros(3), x=nothing, sink=2.0)[0], 0
    )
    assert np.isnan(fa.softmax([np.inf, 1.0], bias=[0.0, 0.0])).all()
    assert fa.softmax([np.inf, -np.inf], cap=1.0)[1] == pytest.approx(1 / (1 + np.e**2))
    np.testing.assert_array_equal(fa.softmax([1e300, 2e300], temperature=[1e-300], cap=2.0), 0.5)
    np.testing.assert_array_equal(
        fa.softmax([1e300, -1e300], bias=[0, 0.0], temperature=0.1), [1, 0]
    )
    assert fa.softmax([], sink=0.0).size == 0
    assert fa.softmax.vjp([], [], x=[], sink=1.0)[1] == 0.0
    assert fa.softmax(1.5, None, sink=1.5) == 0.5
    assert fa.softmax(1.5, None, cap=np.inf) == 1.0


def test_errors() -> None:
    out = np.full(2, 7.0)
    for wrong, kind, match in (
        ({"cap": 0.0}, ValueError, "cap=0.0 is outside"),
        ({"cap": "a"}, TypeError, "cap='a'"),
        ({"bias": np.ones(3)}, ValueError, "bias of shape"),
        ({"sink": np.ones(2)}, ValueError, "sink of shape"),
        ({"temperature": [0.0]}, ValueError, "positive finite"),
        ({"capp": 1.0}, TypeError, "did you mean 'cap'"),
    ):
        with pytest.raises(kind, match=match):
            fa.softmax([1.0, 2.0], out=out, **wrong)
    for option in ({"cap": 1.0}, {"sink": 1.0}):
        with pytest.raises(TypeError, match="needs x="):
            fa.softmax.vjp([1.0, 2.0], [0.5, 0.5], out=out, **option)
    np.testing.assert_array_equal(out, 7.0)
