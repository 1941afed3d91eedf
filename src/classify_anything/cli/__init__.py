"""The command line: one module per command, a thin caller of the classifier or the server."""

from classify_anything.cli.app import app, main

__all__ = ["app", "main"]
