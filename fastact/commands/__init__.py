"""The subcommands of the ``fastact`` program, one module each."""
