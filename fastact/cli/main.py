"""Entry point of the ``fastact`` program. Signals and streams are set up before any further import.

Python starts in 20 ms and the program's imports take 200 ms, during which Ctrl-C may come.
"""

from __future__ import annotations

import sys


def main(args: list[str] | None = None, prog_name: str | None = None) -> None:
    """Run the program and end the process with its status."""
    try:
        from . import process

        process.end_at_signals()
        process.settle_streams()
    except KeyboardInterrupt:
        sys.exit(130)
    try:
        from .program import program

        program.main(args, prog_name)
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        sys.exit("fastact: the command line needs click and tqdm (pip install click tqdm)")
    finally:
        process.drop_what_is_unwritten()
