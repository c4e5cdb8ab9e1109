"""``fastact plot``: pictures of functions."""

from __future__ import annotations

import contextlib
import inspect
import io
import os
from pathlib import Path
from typing import Any

import click

from ..one_number import of_one_number
from .files import write_file
from .options import find_callable, parse_params, progress_bar
from .subject import names_argument, param_option

# Of Matplotlib's further formats one needs TeX and others are raw pixels.
FORMATS = (".png", ".svg", ".pdf", ".jpg", ".webp")


@click.command(
    short_help="Draw a function, or compare several.",
    epilog="Example: fastact plot relu gelu --xlim -3 3 -o comparison.png",
)
@names_argument
@click.option(
    "--all", "every", is_flag=True, help="Draw every elementwise function, each into its own file."
)
@click.option(
    "--image",
    type=click.Path(path_type=Path),
    metavar="PHOTO",
    help="The image to activate. [default: a portrait that comes with Matplotlib]",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help=f"Output file, ending in {', '.join(FORMATS)}; with --all a folder. "
    "[default: NAME.png, comparison.png for several, gallery for all]",
)
@param_option
@click.option("--xlim", type=float, nargs=2, metavar="LOW HIGH", help="The range of x.")
@click.option("--title", metavar="TEXT", help="A title instead of the function's name.")
@click.option(
    "--size",
    type=click.FloatRange(1, 100),
    nargs=2,
    metavar="WIDTH HEIGHT",
    help="Inches, of 100 dots each in a raster format.",
)
def plot(
    names: tuple[str, ...],
    every: bool,
    image: Path | None,
    output: Path | None,
    params: tuple[str, ...],
    xlim: tuple[float, float] | None,
    title: str | None,
    size: tuple[float, float] | None,
) -> None:
    """Draw NAMES: one function in six panels, several in one chart.

    NAMES are functions, aliases, or module:callable for anything that takes an array and returns one of
    its shape. Of a row function such as softmax the row (x, 0) is drawn; the value of a gate and the
    target of a loss are 1 unless given by --param value=2 or --param target=0.

    The six show the function and its derivative, with kinks and asymptotes; a thousand evenly spaced
    samples around 0 and their activations; an image, half of it below 0, and its activation in the
    same colours. A file is replaced in one step. This needs matplotlib and pillow: pip install "fastact[plot]".
    """
    if every:
        if names or params or title:
            raise click.UsageError(
                "--all draws every function with its defaults: leave out NAMES, --param and --title"
            )
        return _draw_all(output or Path("gallery"), image, xlim, size)
    if not names:
        raise click.UsageError("name the function to draw, several, or --all")
    if image is not None and len(names) > 1:
        raise click.UsageError("--image is for one function, or for --all")
    drawn = [_with_parameters(name, params) for name in names]
    target = output or Path(f"{_file_name(drawn[0][0]) if len(names) == 1 else 'comparison'}.png")
    if target.suffix.lower() not in FORMATS:
        raise click.UsageError(f"{target}: expected a name ending in one of {', '.join(FORMATS)}")
    _refuse_image_as_output(image, target)
    from .. import plotting  # Matplotlib takes half a second

    if len(drawn) == 1:
        function, options = drawn[0]
        figure = plotting.panels(function, image=image, xlim=xlim, **options)
    else:
        figure = plotting.compare(*drawn, xlim=xlim)
    if title is not None:
        figure.suptitle(title)
    _save(figure, target, size)
    click.echo(target)


def _with_parameters(name: str, texts: tuple[str, ...]) -> tuple[Any, dict[str, Any]]:
    """Return what a name stands for, and the parameters to draw it with."""
    function = find_callable(name)
    try:
        one = of_one_number(function)
    except TypeError as error:
        raise click.UsageError(f"{name}: {error}") from None
    options = parse_params(name, one.parameters, texts)
    for parameter, default in one.parameters.items():
        if default is inspect.Parameter.empty:
            options.setdefault(parameter, 0.25 if parameter == "weight" else 1.0)
    return function, options


def _file_name(function: Any) -> str:
    return str(getattr(function, "__name__", type(function).__name__)).strip("<>")


def _refuse_image_as_output(image: Path | None, target: Path) -> None:
    # A missing file is reported when it is opened.
    with contextlib.suppress(OSError):
        if image is not None and os.path.samefile(image, target):
            raise click.UsageError(f"{target} is both input and output; choose another output")


def _save(figure: Any, target: Path, size: tuple[float, float] | None) -> None:
    """Write a figure to `target`, in the format of its ending."""
    if size is not None:
        figure.set_size_inches(*size)
    data = io.BytesIO()
    figure.savefig(data, format=target.suffix[1:].lower())
    write_file(target, data.getvalue())


def _draw_all(
    folder: Path,
    image: Path | None,
    xlim: tuple[float, float] | None,
    size: tuple[float, float] | None,
) -> None:
    from .. import plotting

    folder.mkdir(parents=True, exist_ok=True)
    every = plotting.gallery()
    with progress_bar("plot", len(every)) as advance:
        for name, options in every.items():
            figure = plotting.panels(name, image=image, xlim=xlim, **options)
            _save(figure, folder / f"{name}.png", size)
            advance(1)
    click.echo(f"{folder}: {len(every)} pictures")
