"""``fastact plot``: pictures of functions."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path
from typing import Any

import click

from .files import write_file
from .options import progress_bar
from .subject import Subject, names_argument, param_option

# Of Matplotlib's further formats one needs TeX and others are raw pixels.
FORMATS = (".png", ".svg", ".pdf", ".jpg", ".webp")


@click.command(
    short_help="Draw a function, or compare several.",
    epilog="Example: fastact plot relu gelu --xlim -3 3 -o comparison.png",
)
@names_argument
@click.option("--all", "every", is_flag=True, help="Draw every function, each into its own file.")
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
def plot(
    names: tuple[str, ...],
    every: bool,
    image: Path | None,
    output: Path | None,
    params: tuple[str, ...],
) -> None:
    """Draw NAMES: one function in six panels, several in one chart.

    The six show the function and its derivative; a thousand uniform samples around 0 and their
    activations; a grey image with its median at 0 and its activation. A file is replaced in one
    step. This needs matplotlib and pillow: pip install "fastact[plot]".
    """
    if every:
        if names or params:
            raise click.UsageError(
                "--all draws every function with its defaults: leave out NAMES and --param"
            )
        return _draw_all(output or Path("gallery"), image)
    if not names:
        raise click.UsageError("name the function to draw, several, or --all")
    if image is not None and len(names) > 1:
        raise click.UsageError("--image is for one function, or for --all")
    subjects = [Subject(name, params) for name in names]
    target = output or Path(f"{subjects[0].function.name if len(names) == 1 else 'comparison'}.png")
    if target.suffix.lower() not in FORMATS:
        raise click.UsageError(f"{target}: expected a name ending in one of {', '.join(FORMATS)}")
    _refuse_image_as_output(image, target)
    from .. import plotting  # Matplotlib takes half a second

    drawn = [(subject.function, subject.options) for subject in subjects]
    if len(drawn) == 1:
        function, options = drawn[0]
        _save(plotting.panels(function, image=image, **options), target)
    else:
        _save(plotting.compare(*drawn), target)
    click.echo(target)


def _refuse_image_as_output(image: Path | None, target: Path) -> None:
    # A missing file is reported when it is opened.
    with contextlib.suppress(OSError):
        if image is not None and os.path.samefile(image, target):
            raise click.UsageError(f"{target} is both input and output; choose another output")


def _save(figure: Any, target: Path) -> None:
    """Write a figure to `target`, in the format of its ending."""
    data = io.BytesIO()
    figure.savefig(data, format=target.suffix[1:].lower())
    write_file(target, data.getvalue())


def _draw_all(folder: Path, image: Path | None) -> None:
    from .. import plotting

    folder.mkdir(parents=True, exist_ok=True)
    every = plotting.gallery()
    with progress_bar("plot", len(every)) as advance:
        for name, options in every.items():
            _save(plotting.panels(name, image=image, **options), folder / f"{name}.png")
            advance(1)
    click.echo(f"{folder}: {len(every)} pictures")
