"""The table of names in other libraries: a call that it names computes what the function here computes."""

from __future__ import annotations

import csv
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastact as fa

TABLE = Path(fa.__file__).parent / "elsewhere.csv"
# Column -> the package of its names, and what makes its arrays.
LIBRARIES: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "PyTorch": ("torch", lambda x: import_module("torch").from_numpy(x)),
    "JAX": ("jax", lambda x: import_module("jax.numpy").asarray(x)),
    "Keras": ("keras", lambda x: x),
    "MLX": ("mlx", lambda x: import_module("mlx.core").array(x)),
    "SciPy": ("scipy", lambda x: x),
}
# Classes, which take their parameters when they are made, and functions that are no function of x alone.
LEFT_OUT = ("prelu", "rrelu", "gumbel_softmax", "step", "glu")
# float64 where the library has it; JAX and MLX compute in float32.
NEAR = {"PyTorch": 1e-11, "SciPy": 1e-9}


def rows() -> list[dict[str, str]]:
    with TABLE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def call_of(text: str) -> Callable[..., Any]:
    """Return the call that an entry such as ``jax.nn.gelu(approximate=False)`` names."""
    path, _, arguments = text.partition("(")
    module, _, name = path.rpartition(".")
    function = getattr(import_module(module), name)
    function = function() if isinstance(function, type) else function
    given = eval(f"dict({arguments.removesuffix(')')})", {"inf": inf})
    return lambda *arrays: function(*arrays, **given)


def arguments(name: str) -> list[np.ndarray]:
    """Return arguments within the domain of a function."""
    rng = np.random.default_rng(4)
    if name in ("logit", "ndtri"):
        return [rng.uniform(0.01, 0.99, 200)]
    if name == "erfinv":
        return [rng.uniform(-0.99, 0.99, 200)]
    if name in ("log1mexp", "log_expm1", "entr"):
        return [rng.uniform(0.01, 5.0, 200)]
    if fa.get(name).family == "binary":
        return [rng.uniform(0.1, 3.0, 200), rng.uniform(0.1, 3.0, 200)]
    if name == "log1p":
        return [rng.uniform(-0.9, 5.0, 200)]
    return [rng.uniform(-5.0, 5.0, 200)]


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("library", LIBRARIES)
def test_the_named_call_computes_the_same(library: str) -> None:
    package, wrap = LIBRARIES[library]
    if find_spec(package) is None:
        pytest.skip(f"{library} is not here")
    compared = 0
    for row in rows():
        name, text = row["function"], row[library]
        function = fa.get(name)
        elementwise = function.family in ("elementwise", "binary")
        if not text or name in LEFT_OUT or not elementwise:
            continue
        given = arguments(name)
        found = np.asarray(call_of(text)(*map(wrap, given)), dtype=np.float64)
        near = NEAR.get(library, 1e-4)
        np.testing.assert_allclose(found, function(*given), rtol=near, atol=near, err_msg=text)
        compared += 1
    assert compared > (8 if library == "SciPy" else 20)


def test_names_of_transformers_resolve() -> None:
    for row in rows():
        if row["Transformers"]:
            assert fa.get(row["Transformers"]).name == row["function"]
