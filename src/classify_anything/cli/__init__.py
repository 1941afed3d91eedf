"""The command line: a thin caller of the server and the classifier."""

from classify_anything.cli.app import app, main

__all__ = ["app", "main"]
