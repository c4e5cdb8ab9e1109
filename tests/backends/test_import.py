"""What `import fastact` does, and what it leaves for later."""

from __future__ import annotations

import pkgutil

import pytest

import fastact as fa
from conftest import check_python


@pytest.mark.parametrize(
    "module",
    ["accuracy", "plotting", "definitions.rows", "functions.catalogue", "functions.losses"],
)
def test_any_module_may_be_the_first(module: str) -> None:
    check_python(f"""
import fastact.{module}
import fastact
from fastact import *
assert fastact.relu is relu and callable(cross_entropy)
""")


def test_functions_load_with_the_first() -> None:
    check_python("""
import sys
import fastact
assert "fastact.functions.catalogue" not in sys.modules and "numba" not in sys.modules
assert fastact.get("relu") is fastact.relu
assert "fastact.functions.catalogue" in sys.modules and "numba" not in sys.modules
assert not hasattr(fastact, "nothing") and "softmax" in dir(fastact)
""")


def test_no_module_hides_a_function() -> None:
    modules = {module.name for module in pkgutil.iter_modules(fa.__path__)}
    assert modules & set(fa.__all__) == {"backends"}  # which is bound before it could be asked for
    assert callable(fa.backends)
