"""The ``fastact`` program: its subcommands, and errors reported in one line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import click

from .._version import __version__
from ..functions.catalogue import PUBLIC
from .accuracy import accuracy
from .apply import apply
from .bench import bench
from .files import discard_unfinished
from .info import info
from .list import list_functions
from .plot import plot
from .process import cleaned_up_by, say
from .show import show

# Errors of the user's input or system, from a wrong name to a full disk. Any other is a bug and
# shows its traceback.
EXPECTED = (ValueError, TypeError, LookupError, ImportError, OSError, MemoryError)


def _one_line(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    # str() of a KeyError quotes its message.
    message = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return " ".join(message.split()) or type(error).__name__


class Program(click.Group):
    """A group of commands that reports every expected error in one line on stderr."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the program; without `standalone_mode`, return or raise as click does."""
        run: Callable[[], Any] = partial(
            super().main, args, prog_name, complete_var, standalone_mode=False, **extra
        )
        if not standalone_mode:
            return run()
        try:
            with cleaned_up_by(discard_unfinished):
                result = run()
        except click.ClickException as error:
            sys.exit(say(" ".join(error.format_message().split()), error.exit_code))
        except EXPECTED as error:
            sys.exit(say(_one_line(error), 1))
        # click returns the status of an Exit raised inside.
        sys.exit(result if isinstance(result, int) else 0)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command; the error for the name of a function says which command describes it."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            if not args or args[0] not in PUBLIC:
                raise
            raise click.UsageError(
                f"{error.message} It is a function: fastact show {args[0]}", ctx
            ) from None


@click.group(
    cls=Program,
    invoke_without_command=True,
    # The lines of help are shown whole, and filled to the terminal.
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="\b\nHelp with a command: fastact COMMAND --help.\nCompletion in the shell, in its start file:\n"
    '  bash  eval "$(_FASTACT_COMPLETE=bash_source fastact)"\n'
    '  zsh   eval "$(_FASTACT_COMPLETE=zsh_source fastact)"\n'
    "  fish  _FASTACT_COMPLETE=fish_source fastact | source\n"
    "Documentation: https://github.com/fastact/fastact/tree/main/docs",
)
@click.version_option(__version__, "-V", "--version", message="%(prog)s %(version)s")
@click.pass_context
def program(ctx: click.Context) -> None:
    """Activation functions for NumPy arrays and .npy files: what there is, how fast and how accurate it is here.

    \b
    fastact list gates                 what there is
    fastact show gelu                  everything about one function
    fastact plot relu gelu             a picture
    fastact apply gelu in.npy out.npy  a file of any size
    """  # noqa: D301 - the backspace keeps click from filling the table
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


for _command in (list_functions, show, apply, plot, bench, accuracy, info):
    program.add_command(_command)
