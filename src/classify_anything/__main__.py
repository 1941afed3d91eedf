"""``python -m classify_anything`` is ``classify-anything``."""

from classify_anything.cli import main

main()
