"""Where the ``fastact`` program begins. It imports nothing before signals and streams are settled.

Python's own imports take 20 ms, those of the program 200 ms more: what a Ctrl-C meets first.
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
    from .program import program

    try:
        program.main(args, prog_name)
    finally:
        process.drop_what_is_unwritten()
