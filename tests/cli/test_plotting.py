"""`fastact.plotting` and the command `plot`: what is drawn, where it goes, and what is said instead."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import fastact as fa
from conftest import IMPORTED, check_python, required, run_python
from fastact.cli.program import program
from fastact.cli.records import required as required_of_any
from fastact.functions.elementwise import FUNCTIONS
from fastact.one_number import of_one_number

pytest.importorskip("matplotlib", reason="pictures need the extra `plot`")
Image = pytest.importorskip("PIL.Image", reason="pictures need the extra `plot`")
plotting = pytest.importorskip("fastact.plotting")
from fastact.images import LONGEST_SIDE  # noqa: E402

STARTS = {
    ".png": b"\x89PNG",
    ".svg": b"<?xml",
    ".pdf": b"%PDF",
    ".jpg": b"\xff\xd8",
    ".webp": b"RIFF",
}


# Functions that are finite for all numbers that are drawn, and at most the exponential.
EVERYWHERE = [
    name
    for name, function in FUNCTIONS.items()
    if np.all(np.abs(function(np.linspace(-7, 7, 99), **required(function))) < 1.01 * np.exp(7))
]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A grey ramp in colour, wider than a panel shows."""
    path = tmp_path / "photo.png"
    ramp = np.linspace(0, 255, 700).astype(np.uint8)
    Image.fromarray(np.broadcast_to(ramp[:, None], (20, 700, 3)).copy()).save(path)
    return path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(program, ["plot", *arguments], prog_name="fastact")


def curves(axes: Any) -> list[tuple[np.ndarray, np.ndarray]]:
    """The graphs in a panel, without the two lines through 0."""
    return [line.get_data() for line in curves_lines(axes)]


@fa.activation
def double(x):
    """Twice x."""
    return 2.0 * x


def curves_lines(axes: Any) -> list[Any]:
    return [line for line in axes.lines if len(line.get_xdata()) > 2]


def slopes_and_jumps(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    whole = np.isfinite(y[:-1]) & np.isfinite(y[1:]) & (x[:-1] < x[1:])
    return np.diff(y)[whole] / np.diff(x)[whole], x[np.isnan(y)]


# --- figures -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FUNCTIONS)
def test_panels_show_what_the_function_computes(name: str) -> None:
    function, options = FUNCTIONS[name], required(FUNCTIONS[name])
    panels = plotting.panels(name, **options).axes[:6]
    (x, y), (x_slope, slope) = curves(panels[0])[0], curves(panels[1])[0]
    drawn = np.isfinite(y)
    np.testing.assert_array_equal(y[drawn], function(x[drawn], **options))
    drawn = np.isfinite(slope)
    np.testing.assert_array_equal(slope[drawn], function.derivative(x_slope[drawn], **options))
    counts = [axes.patches[0].get_data().values.sum() for axes in panels[2:4]]
    assert counts[0] == plotting.SAMPLES
    assert np.ptp(panels[2].patches[0].get_data().values) == 0
    # What is not a number, or infinite, has no place in the histogram.
    assert counts[1] == plotting.SAMPLES if name in EVERYWHERE else 0 < counts[1] <= counts[0]
    before, after = (np.asarray(axes.images[0].get_array()) for axes in panels[4:6])
    computed = function(before, **options)
    seen = np.isfinite(computed)
    np.testing.assert_array_equal(np.isfinite(after), seen)
    np.testing.assert_array_equal(after[seen], computed[seen])
    # Half of the image is below the middle of its range, and both images have the same scale of colours.
    middle = 0.5 if name in ("logit", "ndtri") else 0.0
    assert abs((before < middle).mean() - 0.5) < 0.02
    scales = {image.get_clim() for axes in panels[4:6] for image in axes.images}
    assert scales == {(-plotting.REACH_OF_IMAGE, plotting.REACH_OF_IMAGE)}


@pytest.mark.parametrize("name", EVERYWHERE)
def test_no_line_bridges_a_jump(name: str) -> None:
    function = partial(FUNCTIONS[name], **required(FUNCTIONS[name]))
    x, y = plotting.graph(function, -plotting.REACH, plotting.REACH)
    rises, jumps = slopes_and_jumps(x, y)
    # The steepest is the exponential, at the end.
    assert np.abs(rises).max() < 1.01 * np.exp(plotting.REACH)
    kinks = {"step": [0], "threshold": [1], "hard_shrink": [-0.5, 0.5]}
    np.testing.assert_allclose(jumps, kinks.get(name, []), atol=1e-15)


def test_a_jump_of_any_parameter_is_found() -> None:
    x, y = plotting.graph(lambda x: fa.step(x, threshold=1 / 3), -4, 4)
    np.testing.assert_allclose(x[np.isnan(y)], [1 / 3], rtol=1e-15)


def test_functions_that_do_not_come_from_the_table() -> None:
    figure = plotting.panels(fa.prelu, weight=0.25)
    assert figure.get_suptitle() == "prelu(weight=0.25): f(x) = x if x > 0 else weight·x"
    assert set(plotting.gallery()) == {*FUNCTIONS, "prelu", "rrelu"}
    assert plotting.gallery()["prelu"] == {"weight": 0.25}


@pytest.mark.parametrize(
    ("options", "name"), [({"negative_slope": 1e308}, "leaky_relu"), ({"alpha": 1e37}, "elu")]
)
def test_numbers_that_no_axis_holds(options: dict[str, float], name: str) -> None:
    figure = plotting.panels(name, **options)
    assert len(figure._repr_png_()) > 10_000


def test_every_name_of_a_comparison_has_a_curve_of_its_own() -> None:
    chosen = [*FUNCTIONS][:28]
    pairs = [(name, required(FUNCTIONS[name])) for name in chosen]
    figure = plotting.compare(*pairs, fa.rrelu)
    functions, derivatives = figure.axes
    assert len(curves(functions)) == len(curves(derivatives)) == 29
    labels = [text.get_text().split("(")[0].strip() for text in figure.legends[0].get_texts()]
    assert labels == [*chosen, "rrelu"]
    # No width means anything.
    assert len({line.get_linewidth() for line in curves_lines(functions)}) == 1
    looks = {
        (line.get_color(), line.get_linestyle(), str(line._dash_pattern))
        for line in functions.lines[:28]
    }
    assert len(looks) == 28
    # exponential leaves the chart at the top and squeezes nobody
    assert functions.get_ylim()[1] < 1.2 * plotting.REACH_OF_SEVERAL


@pytest.mark.parametrize("count", [1, 3, 31])
@pytest.mark.parametrize("digits", [0, 1, 5])
def test_nothing_of_the_legend_is_cut_off(count: int, digits: int) -> None:
    slopes = [1 + 10**-digits + place for place in range(count)]
    pairs = [("leaky_relu", {"negative_slope": slope}) for slope in slopes]
    figure = plotting.compare(*pairs)
    figure.draw_without_rendering()
    legend, whole = figure.legends[0].get_window_extent(), figure.bbox
    assert legend.x0 >= 0 and legend.x1 <= whole.x1 and legend.y0 >= 0
    assert all(legend.y1 <= axes.get_tightbbox().y0 for axes in figure.axes)
    assert all(axes.bbox.height > 250 for axes in figure.axes)


@pytest.mark.parametrize(("name", "low", "high"), [("erfinv", -1, 1), ("logit", 0, 1)])
def test_a_bounded_domain(name: str, low: float, high: float) -> None:
    figure = plotting.panels(name)
    left, right = figure.axes[0].get_xlim()
    assert low - 0.2 < left < low and high < right < high + 0.2
    # Every sample and every pixel has a value.
    assert sum(patch.get_data().values.sum() for patch in figure.axes[3].patches) == 1000
    pixels, activated = (axes.images[0].get_array() for axes in figure.axes[4:6])
    assert low < pixels.min() and pixels.max() < high
    assert np.isfinite(np.ma.getdata(activated)).all()
    assert f"from {low:g} to {high:g}" in figure.axes[4].get_title()
    assert plotting.panels("log1p").axes[0].get_xlim() == (-7, 7)


def test_curves_that_coincide() -> None:
    figure = plotting.compare("relu", "elu", "relu", "celu", ("relu", {}))
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["relu", "elu", "celu (= elu here)"]
    for limits, label in (((-4, 4), "relu6 (= relu here)"), ((-4, 8), "relu6")):
        wider = plotting.compare("relu", "relu6", xlim=limits)
        assert [text.get_text() for text in wider.legends[0].get_texts()] == ["relu", label]
    first, *others = [line for line in figure.axes[0].lines if len(line.get_xdata()) > 2]
    # A dashed line is over a whole one, which shows in its gaps.
    assert first.get_linestyle() == "-" and all(line.get_linestyle() != "-" for line in others)
    assert all(line.get_zorder() > first.get_zorder() for line in others)


def test_a_comparison_of_parameters() -> None:
    pairs = [("elu", {"alpha": alpha}) for alpha in (0.5, 2.0)]
    figure = plotting.compare(*pairs)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "elu(alpha=0.5)",
        "elu(alpha=2)",
    ]
    assert [y.min().round(3) for _, y in curves(figure.axes[0])] == [-0.491, -1.963]


def test_wrong_arguments() -> None:
    with pytest.raises(ValueError, match="did you mean 'gelu'"):
        plotting.panels("gelo")
    with pytest.raises(TypeError, match="alpha"):
        plotting.panels("relu", alpha=1)
    with pytest.raises(
        TypeError, match=r"norm: of an array of shape .* expected .* the same shape"
    ):
        plotting.panels(np.linalg.norm)
    with pytest.raises(TypeError, match="3 is neither a function nor"):
        plotting.panels(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="image=ndarray of shape"):
        plotting.panels("relu", image=np.ones((3, 3)))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="the lower one first"):
        plotting.compare("relu", xlim=(2, 1))
    for wrong in (3, (1, 2, 3), ("a", "b")):
        with pytest.raises(TypeError, match=r"^xlim=.*: expected two numbers$"):
            plotting.panels("relu", xlim=wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least one"):
        plotting.compare()


def test_a_figure_is_unknown_to_pyplot() -> None:
    import matplotlib
    from matplotlib import pyplot

    before = dict(matplotlib.rcParams)
    plotting.panels("relu")
    plotting.compare("relu", "elu")
    assert pyplot.get_fignums() == []
    assert dict(matplotlib.rcParams) == before


def test_an_image(photo: Path) -> None:
    pixels = np.asarray(plotting.panels("relu", image=photo).axes[4].images[0].get_array())
    assert max(pixels.shape) == LONGEST_SIDE
    assert abs(np.median(pixels)) < 0.02
    assert (np.diff(pixels[0]) >= 0).all() and pixels[0, 0] < -1 and pixels[0, -1] > 1
    with photo.open("rb") as file:
        again = plotting.panels("relu", image=file).axes[4].images[0].get_array()
    np.testing.assert_array_equal(again, pixels)


def test_a_wide_image_leaves_no_hole(photo: Path) -> None:
    figure = plotting.panels("relu", image=photo)
    figure.draw_without_rendering()
    samples, image = figure.axes[2], figure.axes[4]
    assert samples.get_tightbbox().y0 - image.get_tightbbox().y1 < 30
    assert figure.axes[4].get_tightbbox().y0 - figure.axes[6].bbox.y1 < 30


def test_kinks_and_asymptotes_are_marked() -> None:
    wanted = {
        "relu": ([0], []),
        "hard_swish": ([-3, 3], []),
        "selu": ([0], [(-1.75809, 0)]),
        "tanh": ([], [(-1, 0), (1, 0)]),
        "gelu": ([], [(0, 0), (0, 1)]),
        "softplus": ([], [(0, 0), (0, 1)]),
        "logcosh": ([], [(-np.log(2), -1), (-np.log(2), 1)]),
        "step": ([], []),
        "threshold": ([], []),
        "relu_squared": ([], []),
        "snake": ([], []),
    }
    for name, (kinks, lines) in wanted.items():
        axes = plotting.panels(name).axes[0]
        points = [line.get_xdata() for line in axes.lines if line.get_marker() == "o"]
        np.testing.assert_allclose(np.concatenate([*points, []]), kinks, atol=1e-12)
        dotted = [line.get_data() for line in axes.lines if line.get_linestyle() == ":"]
        found = [(y[0], (y[1] - y[0]) / (x[1] - x[0])) for x, y in dotted]
        assert len(found) == len(lines), name
        np.testing.assert_allclose(
            np.reshape(found, (-1, 2)), np.reshape(lines, (-1, 2)), atol=1e-5
        )


def test_the_title_has_the_formula() -> None:
    titles = {
        "gelu": "gelu: f(x) = x·Φ(x)",
        "relu_squared": "relu_squared: f(x) = x² if x > 0 else 0",
        "selu": "selu: f(x) = 1.0507·x if x > 0 else 1.7581·(exp(x) − 1)",
    }
    for name, title in titles.items():
        assert plotting.panels(name).get_suptitle() == title
    assert plotting.panels(double).get_suptitle() == "double"


def test_an_image_of_one_colour(tmp_path: Path) -> None:
    Image.new("RGB", (9, 7), (9, 9, 9)).save(tmp_path / "flat.png")
    assert len(plotting.panels("sigmoid", image=tmp_path / "flat.png")._repr_png_()) > 10_000


# --- the command ---------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", STARTS)
def test_the_ending_chooses_the_format(ending: str, tmp_path: Path) -> None:
    target = tmp_path / f"out{ending}"
    result = run("gelu", "silu", "-o", str(target))
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{target}\n"
    assert target.read_bytes().startswith(STARTS[ending])


def test_where_the_picture_goes_by_itself(tmp_path: Path) -> None:
    assert run("swish").stdout == "silu.png\n"
    assert run("gelu", "softcap", "--param", "cap=2").exit_code == 2
    assert run("gelu", "softcap").stdout == "comparison.png\n"
    assert {path.name for path in tmp_path.iterdir()} == {"silu.png", "comparison.png"}
    with Image.open(tmp_path / "silu.png") as picture:
        width, height = picture.size
        assert width == 700 and 880 <= height <= 920


def test_parameters_and_photo_reach_the_picture(photo: Path, tmp_path: Path) -> None:
    pictures = set()
    for arguments in ([], ["--param", "beta=3"], ["--image", str(photo)]):
        assert run("silu", *arguments).exit_code == 0
        pictures.add((tmp_path / "silu.png").read_bytes())
    assert len(pictures) == 3


def test_all_functions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    some = {name: plotting.gallery()[name] for name in ("relu", "softcap", "prelu")}
    monkeypatch.setattr(plotting, "gallery", lambda: some)
    result = run("--all", "-o", "new/folder")
    assert result.stdout == f"{Path('new/folder')}: 3 pictures\n"
    assert {path.stem for path in (tmp_path / "new/folder").glob("*.png")} == set(some)


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        ([], 2, "name the function to draw"),
        (["gelo"], 1, "did you mean 'gelu'"),
        (["math:pi"], 2, "3.141592653589793 is neither a function nor"),
        (["numpy:sum"], 1, "expected an array of the same shape"),
        (["softmax", "--param", "heat=2"], 2, "softmax has no parameter 'heat'"),
        (["relu", "--xlim", "3", "-3"], 1, "the lower one first"),
        (["relu", "--size", "0", "3"], 2, "--size"),
        (["relu", "--param", "alpha=1"], 2, "relu has no parameter 'alpha'"),
        (["elu", "--param", "alpha=x"], 2, "'x' is not a number"),
        (["elu", "relu", "--image", "photo.png"], 2, "--image is for one function"),
        (["--all", "relu"], 2, "leave out NAMES"),
        (["relu", "-o", "out.npy"], 2, "out.npy: expected a name ending in one of .png, .svg"),
        (["relu", "-o", "out"], 2, "out: expected a name ending in"),
        (["relu", "-o", "none/out.png"], 1, "none/out.png: No such file"),
        (["relu", "--image", "none.jpg"], 1, "none.jpg: No such file"),
        (["relu", "--image", "."], 1, "directory"),
        (["relu", "--image", "text.png"], 1, "text.png: not a readable image"),
        (["relu", "--image", "cut.png"], 1, "cut.png: not a readable image"),
        (["relu", "--image", "photo.png", "-o", "photo.png"], 2, "is both input and output"),
        (["--all", "-o", "photo.png"], 1, "photo.png: File exists"),
    ],
)  # fmt: skip
def test_one_clear_line(
    arguments: list[str], status: int, words: str, photo: Path, tmp_path: Path
) -> None:
    (tmp_path / "text.png").write_text("not an image")
    (tmp_path / "cut.png").write_bytes(photo.read_bytes()[:100])
    before = sorted(tmp_path.iterdir()), photo.read_bytes()
    result = run(*arguments)
    assert result.exit_code == status, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("fastact: ")
    assert result.stderr.count("\n") == 1
    assert words in result.stderr
    assert (sorted(tmp_path.iterdir()), photo.read_bytes()) == before


def test_a_failure_leaves_the_old_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "relu.png"
    old.write_bytes(b"old")

    def full(file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    result = run("relu")
    assert result.exit_code == 1
    assert result.stderr == "fastact: relu.png: No space left on device\n"
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_stopped(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "fastact", "plot", "--all"]
    environment = {**os.environ, "PYTHONPATH": str(IMPORTED)}
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    while not list(tmp_path.glob("gallery/*.png")):
        assert running.poll() is None
    running.send_signal(signal.SIGTERM)
    _, errors = running.communicate(timeout=30)
    assert running.returncode == 143
    assert errors.splitlines()[-1].endswith("fastact: stopped by SIGTERM")
    assert not list(tmp_path.glob("gallery/*.partial"))


# --- on demand -----------------------------------------------------------------------------------


def test_matplotlib_is_imported_on_demand() -> None:
    program = (
        "import sys, fastact, fastact.cli; assert not {'matplotlib', 'PIL'} & set(sys.modules)"
    )
    check_python(program)


@pytest.mark.parametrize("missing", ["matplotlib", "PIL"])
def test_without_the_extra(missing: str, tmp_path: Path) -> None:
    program = (
        f"import sys; sys.modules[{missing!r}] = None; from fastact.cli.main import main; main()"
    )
    for arguments in (["gelu"], ["gelu", "relu"], ["--all"]):
        done = run_python(program, "plot", *arguments)
        assert done.returncode == 1
        assert done.stdout == ""
        assert done.stderr.startswith("fastact: pictures need matplotlib and pillow: ")
        assert 'pip install "fastact[plot]"' in done.stderr
        assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_functions_of_several_numbers() -> None:
    """The curve, and its slope by differences, against the gradients that the functions have."""
    x = np.linspace(-3.0, 3.0, 301) + 0.005  # beside kinks
    row, first = np.stack([x, 0 * x], -1), np.stack([1 + 0 * x, 0 * x], -1)
    target = np.ones_like(x)
    for name in fa.names():
        one = of_one_number(fa.get(name))
        given = required_of_any(one)
        y, slope = one(x, **given), one.derivative(x, **given)
        assert y.shape == slope.shape == x.shape, name
    softmax = of_one_number(fa.softmax)
    np.testing.assert_array_equal(softmax(x), fa.softmax(row)[:, 0])
    expected = fa.softmax.vjp(first, fa.softmax(row))[:, 0]
    np.testing.assert_allclose(softmax.derivative(x), expected, atol=1e-6)
    swiglu, huber = of_one_number(fa.swiglu), of_one_number(fa.huber)
    expected, _ = fa.swiglu.vjp(target, x, 2 * target)
    np.testing.assert_allclose(swiglu.derivative(x, value=2.0), expected, atol=1e-5)
    expected = fa.huber.vjp(target, x, target, reduction="none")
    np.testing.assert_allclose(huber.derivative(x), expected, atol=1e-5)
    # No spike at a jump.
    at_jump = of_one_number(fa.hardmax).derivative(np.array([0.0, -1e-300, 5e-324]))
    np.testing.assert_array_equal(at_jump, 0.0)
    noisy = of_one_number(fa.gumbel_softmax)
    np.testing.assert_array_equal(noisy(x[:2]), noisy(x)[:2])


def test_pictures_of_all_kinds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_curves.py").write_text("def squared(x, by=1.0):\n    return by * x * x\n")
    names = ["softmax", "logsumexp", "swiglu", "huber", "maxout", "xlogy", "own_curves:squared"]
    result = run(
        *names, "--xlim", "-2", "2", "--title", "all kinds", "--size", "8", "5", "-o", "k.png"
    )
    assert result.exit_code == 0, result.output
    with Image.open(tmp_path / "k.png") as picture:
        assert picture.size == (800, 500)
    assert run("cross_entropy").stdout == "cross_entropy.png\n"
    figure = plotting.panels(fa.swiglu, xlim=(-2, 1), value=2.0)
    assert figure.axes[0].get_xlim() == (-2, 1)
    assert "value=2.0" in figure.get_suptitle() or "value=2" in figure.get_suptitle()
