"""``fastact apply`` computes what the functions compute in memory, or says why not."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fastact as fa
from apply_runs import apply, fail, same, samples, save, succeed
from fastact import accuracy
from fastact.cli import npy_stream
from fastact.functions.elementwise import FUNCTIONS
from fastact.reference import activations as reference
from representatives import looped

PASSES = ("forward", "derivative", "vjp", "value_and_derivative", "vjp_from_output")
DTYPES = ("<f2", "<f4", "<f8", ">f2", ">f4", ">f8", "?", "i1", "u2", "<i4", ">i4", "i8", "u8")
AVAILABLE = [name for name, state in fa.backends().items() if state == "available"]


@pytest.fixture(autouse=True)
def numpy_backend() -> Any:
    with fa.use_backend("numpy"):
        yield


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("pass_", PASSES)
@looped("name", FUNCTIONS)
def test_every_function_and_pass(name: str, pass_: str, folder: Path) -> None:
    function = FUNCTIONS[name]
    required = {"cap": 30.0} if name == "softcap" else {}
    options = [f"--param={key}={value}" for key, value in required.items()]
    x, g = save("x.npy", samples("f4", (5, 7))), save("g.npy", samples("f4", (5, 7)) + 1)
    takes_gradient = pass_.startswith("vjp")
    options += ["--grad=g.npy"] if takes_gradient else []
    if pass_ not in function.passes:
        assert f"{name} has no {pass_}" in fail(name, "x.npy", "y.npy", f"--pass={pass_}", *options)
        return
    succeed(name, "x.npy", "y.npy", f"--pass={pass_}", *options)
    data = (g, x) if takes_gradient else (x,)
    expected = function.passes[pass_](*data, **required)
    same(np.load("y.npy"), np.stack(expected) if isinstance(expected, tuple) else expected)


@pytest.mark.parametrize("block", [1, 3, 35, 36])
@pytest.mark.parametrize("pass_", PASSES)
@pytest.mark.parametrize("order", "CF")
def test_blocks_and_orders(
    order: str, pass_: str, block: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(npy_stream, "BLOCK", block)
    x = save("x.npy", np.asarray(samples("f4", (5, 7)), order=order))  # type: ignore[call-overload]
    g = save("g.npy", np.asarray(x + 1, order=order))  # type: ignore[call-overload]
    data, options = ((g, x), ["--grad=g.npy"]) if pass_.startswith("vjp") else ((x,), [])
    succeed("sigmoid", "x.npy", "y.npy", f"--pass={pass_}", *options)
    expected = fa.get("sigmoid").passes[pass_](*data)
    result = np.load("y.npy")
    same(result, np.stack(expected) if isinstance(expected, tuple) else expected)
    assert result.flags.f_contiguous == (order == "F")


@looped("shape", [(), (0,), (1,), (3, 0, 2), (1, 1), (2, 1, 3)])
@pytest.mark.parametrize("pass_", ["forward", "value_and_derivative"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes_and_shapes(dtype: str, pass_: str, shape: tuple[int, ...], folder: Path) -> None:
    x = save("x.npy", samples(dtype, shape))
    succeed("silu", "x.npy", "y.npy", f"--pass={pass_}")
    expected = fa.get("silu").passes[pass_](x)
    same(np.load("y.npy"), np.stack(expected) if isinstance(expected, tuple) else expected)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_dtype_option(dtype: str, folder: Path) -> None:
    x = save("x.npy", samples("f4", (9,)))
    succeed("tanh", "x.npy", "y.npy", "--dtype", dtype)
    same(np.load("y.npy"), fa.get("tanh")(x, dtype=dtype))


@pytest.mark.parametrize(
    ("name", "texts", "params"),
    [
        ("elu", ["alpha=0.5"], {"alpha": 0.5}),
        ("hard_tanh", ["min_val=-2", "max_val = 2e-1"], {"min_val": -2.0, "max_val": 0.2}),
        ("gelu", ["approximate=tanh"], {"approximate": "tanh"}),
        ("gelu", ["approximate=True"], {"approximate": True}),
        ("softplus", ["threshold=None", "beta=2"], {"threshold": None, "beta": 2.0}),
        ("softplus", ["threshold=1"], {"threshold": 1.0}),
        ("swish", ["beta=inf"], {"beta": np.inf}),
    ],
)
def test_parameters(name: str, texts: list[str], params: dict[str, Any], folder: Path) -> None:
    x = save("x.npy", samples("f4", (99,)))
    succeed(name, "x.npy", "y.npy", *(f"--param={text}" for text in texts))
    same(np.load("y.npy"), fa.get(name)(x, **params))


@pytest.mark.parametrize("backend", AVAILABLE)
def test_backends(backend: str, folder: Path) -> None:
    x = save("x.npy", samples("f4", (300, 64)))
    succeed("gelu", "x.npy", "y.npy", "--backend", backend)
    truth = accuracy.truth("gelu", "forward", x)
    assert accuracy.ulp_error(np.load("y.npy"), truth).max() <= 4


def test_gradient_of_another_dtype(folder: Path) -> None:
    x, g = save("x.npy", samples(">f4", (9,))), save("g.npy", samples("f8", (9,)))
    succeed("mish", "x.npy", "y.npy", "--pass=vjp", "--grad=g.npy")
    same(np.load("y.npy"), fa.get("mish").vjp(g, x))


def test_one_file_as_both_inputs(folder: Path) -> None:
    x = save("x.npy", samples("f4", (9,)))
    succeed("mish", "x.npy", "y.npy", "--pass=vjp", "--grad=x.npy")
    same(np.load("y.npy"), fa.get("mish").vjp(x, x))


def test_old_format_versions(folder: Path) -> None:
    x = samples("f4", (9,))
    for version in ((1, 0), (2, 0), (3, 0)):
        with open("x.npy", "wb") as file:
            np.lib.format.write_array(file, x, version=version)
        succeed("relu", "x.npy", "y.npy")
        same(np.load("y.npy"), fa.get("relu")(x))


def test_bytes_after_the_data_are_ignored(folder: Path) -> None:
    x = save("x.npy", samples("f4", (9,)))
    with open("x.npy", "ab") as file:
        file.write(b"more")
    succeed("relu", "x.npy", "y.npy")
    same(np.load("y.npy"), fa.get("relu")(x))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_reads_a_pipe(folder: Path) -> None:
    x = save("x.npy", samples("f4", (99,)))
    os.mkfifo("pipe")
    with subprocess.Popen(["cp", "x.npy", "pipe"]):
        succeed("relu", "pipe", "y.npy")
    same(np.load("y.npy"), fa.get("relu")(x))


def test_says_what_it_did(folder: Path) -> None:
    save("x.npy", samples("f4", (3, 4)))
    result = apply("swish", "x.npy", "y.npy")
    assert result.stdout.startswith("y.npy: silu forward, 3 x 4 float32, numpy backend, ")
    assert result.stderr == ""


def test_threads_and_backend_are_put_back(folder: Path) -> None:
    save("x.npy", samples("f4", (3, 4)))
    before = fa.get_num_threads()
    succeed("relu", "x.npy", "y.npy", "--threads", before + 1, "--backend", "numpy")
    assert fa.get_num_threads() == before


def test_progress(folder: Path) -> None:
    save("x.npy", samples("f4", (999,)))
    assert "relu:   0%" in apply("relu", "x.npy", "y.npy", "--progress").stderr
    assert apply("relu", "x.npy", "y.npy", "--no-progress").stderr == ""


# --- wrong input ---------------------------------------------------------------------------------


@pytest.mark.skipif(os.name != "posix", reason="the messages are those of POSIX systems")
@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["gellu", "x.npy", "y.npy"], 1, "'gellu'; did you mean 'gelu'"),
        (
            ["prelu", "x.npy", "y.npy"],
            2,
            "such as gelu and softmax, not prelu: call it from Python",
        ),
        (["swiglu", "x.npy", "y.npy"], 2, "elementwise or along an axis"),
        (["relu", "x.npy", "y.npy", "--param=alpha=1"], 2, "no parameter 'alpha'; it takes none"),
        (["elu", "x.npy", "y.npy", "--param=beta=1"], 2, "no parameter 'beta'; it takes alpha"),
        (["elu", "x.npy", "y.npy", "--param=alpha"], 2, "expected NAME=VALUE"),
        (["elu", "x.npy", "y.npy", "--param=alpha="], 2, "'' is not a number"),
        (["elu", "x.npy", "y.npy", "--param=alpha=one"], 2, "'one' is not a number"),
        (["elu", "x.npy", "y.npy", "--param=alpha=none"], 2, "'none' is not a number"),
        (["gelu", "x.npy", "y.npy", "--param=approximate=erf"], 1, "choose one of 'none'"),
        (["softcap", "x.npy", "y.npy"], 1, "missing its required parameter 'cap'"),
        (["relu", "x.npy"], 2, "Missing argument 'OUT.npy'"),
        (["relu", "x.npy", "y.npy", "--pass=backward"], 2, "'vjp'"),
        (["relu", "x.npy", "y.npy", "--pass=vjp"], 2, "--pass vjp needs --grad G.npy"),
        (["relu", "x.npy", "y.npy", "--grad=x.npy"], 2, "--grad is for vjp"),
        (
            ["relu", "x.npy", "y.npy", "--dtype=int8"],
            2,
            "'float16', 'bfloat16', 'float32', 'float64'",
        ),
        (["relu", "x.npy", "y.npy", "--threads=0"], 2, "--threads"),
        (["relu", "x.npy", "y.npy", "--backend=fortran"], 1, "choose one of auto, cython, numba"),
        (["relu", "x.npy", "x.npy"], 2, "x.npy is both input and output"),
        (["relu", "x.npy", "link.npy"], 2, "link.npy is both input and output"),
        (["relu", "g.npy", "x.npy", "--pass=vjp", "--grad=x.npy"], 2, "both input and output"),
        (["relu", "none.npy", "y.npy"], 1, "none.npy: No such file or directory"),
        (["relu", ".", "y.npy"], 1, ".: Is a directory"),
        (["relu", "x.npy", "."], 1, ".: is a directory"),
        (["relu", "x.npy", "pipe"], 1, "pipe: is not a regular file"),
        (["relu", "x.npy", "none/y.npy"], 1, "none/y.npy: No such file or directory"),
        (["relu", "x.npy", "x.npy/y.npy"], 1, "x.npy/y.npy: Not a directory"),
        (["relu", "x.npy", "/proc/y.npy"], 1, "/proc/y.npy: "),
        (["relu", "x.npy", "y" * 300], 1, "File name too long"),
        (["relu", "x.npy", "y.npy", "--pass=vjp", "--grad=short.npy"], 1, "shape (3, 4) differs"),
        (
            ["relu", "x.npy", "y.npy", "--pass=vjp", "--grad=f.npy"],
            1,
            "f.npy: is in Fortran order and x.npy in C",
        ),
        (["relu", "complex.npy", "y.npy"], 1, "complex64"),
        (["relu", "text.npy", "y.npy"], 1, "<U1"),
        (["relu", "time.npy", "y.npy"], 1, "datetime64"),
        (["relu", "record.npy", "y.npy"], 1, "[('a', '<f4')]"),
        (["relu", "object.npy", "y.npy"], 1, "holds pickled Python objects"),
        (["relu", "empty", "y.npy"], 1, "empty: not a readable .npy file"),
        (["relu", "magic.npy", "y.npy"], 1, "magic.npy: not a readable .npy file"),
        (["relu", "version.npy", "y.npy"], 1, "version.npy: not a readable .npy file"),
        (["relu", "header.npy", "y.npy"], 1, "header.npy: not a readable .npy file"),
        (["relu", "negative.npy", "y.npy"], 1, "negative.npy: damaged .npy file"),
        (["relu", "cut.npy", "y.npy"], 1, "cut.npy: truncated: 79 bytes of data, expected"),
        (["relu", "huge.npy", "y.npy"], 1, "huge.npy: truncated: "),
    ],
)
def test_one_clear_line(arguments: list[str], status: int, words: str, folder: Path) -> None:
    save("x.npy", samples("f4", (4, 5)))
    save("g.npy", samples("f4", (4, 5)))
    save("short.npy", samples("f4", (3, 4)))
    save("f.npy", np.asfortranarray(samples("f4", (4, 5))))
    save("complex.npy", np.zeros(3, np.complex64))
    save("text.npy", np.array(["a"]))
    save("time.npy", np.array(["2020-01-01"], dtype="M8[s]"))
    save("record.npy", np.zeros(3, [("a", "<f4")]))
    save("object.npy", np.array([None], dtype=object))
    whole = Path("x.npy").read_bytes()
    Path("empty").touch()
    Path("magic.npy").write_bytes(b"PK" + whole[2:])
    Path("version.npy").write_bytes(whole[:6] + b"\x09\x00" + whole[8:])
    Path("header.npy").write_bytes(whole.replace(b"'descr': '<f4'", b"'descr': '<f4("))
    Path("negative.npy").write_bytes(whole.replace(b"(4, 5)", b"(-4,5)"))
    Path("huge.npy").write_bytes(whole.replace(b"5), }" + b" " * 9, b"5" + b"0" * 9 + b"), }"))
    Path("cut.npy").write_bytes(whole[:-1])
    Path("link.npy").symlink_to("x.npy")
    os.mkfifo("pipe")
    old = save("y.npy", np.arange(3))
    before = sorted(os.listdir())
    assert words in fail(*arguments, status=status)
    assert sorted(os.listdir()) == before
    same(np.load("y.npy"), old)
    assert Path("x.npy").read_bytes() == whole


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    changes=st.lists(st.tuples(st.integers(0, 127), st.integers(0, 255)), min_size=1, max_size=4)
)
def test_damaged_headers_are_refused_or_read(
    changes: list[tuple[int, int]], tmp_path: Path
) -> None:
    path = tmp_path / "x.npy"
    np.save(path, np.zeros((2, 3), "f4"))
    data = bytearray(path.read_bytes())
    for position, value in changes:
        data[position] = value
    path.write_bytes(data)
    # Some changes make another valid header.
    with contextlib.suppress(ValueError):
        npy_stream.NpySource(path).close()


@pytest.mark.parametrize("backend", AVAILABLE)
def test_handwritten_digits(backend: str, folder: Path) -> None:
    datasets = pytest.importorskip("sklearn.datasets", reason="scikit-learn is not here")
    digits = datasets.load_digits().data.astype(np.float32) - 8
    save("digits.npy", digits)
    succeed("gelu", "digits.npy", "out.npy", "--backend", backend)
    truth = reference.evaluate("gelu", "forward", digits)
    assert accuracy.ulp_error(np.load("out.npy"), truth).max() <= 2


def test_bfloat16(folder: Path) -> None:
    """NumPy saves it as two bytes without a type."""
    brain = np.dtype(pytest.importorskip("ml_dtypes").bfloat16)
    x = samples("f4", (5, 7)).astype(brain)
    g = x + x.dtype.type(1)
    np.save("x.npy", x)
    np.save("g.npy", g)
    for name, pass_, expected in (
        ("gelu", "forward", fa.gelu(x)),
        ("gelu", "value_and_derivative", np.stack(fa.gelu.value_and_derivative(x))),
        ("gelu", "vjp", fa.gelu.vjp(g, x)),
        ("softmax", "forward", fa.softmax(x)),
        ("logsumexp", "forward", fa.logsumexp(x)),
    ):
        options = ["--grad=g.npy"] if pass_ == "vjp" else []
        succeed(name, "x.npy", "y.npy", f"--pass={pass_}", "--dtype=bfloat16", *options)
        found = np.load("y.npy")
        assert found.dtype == np.dtype("V2")
        assert found.view(brain).tobytes() == expected.tobytes()
    assert "--dtype bfloat16" in fail("gelu", "x.npy", "y.npy")
    assert "--dtype bfloat16" in fail("gelu", "x.npy", "y.npy", "--dtype=float16")
