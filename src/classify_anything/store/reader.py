"""Reading a project file at one moment, beside the connection that writes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import sqlalchemy as sa

from classify_anything.store import queries
from classify_anything.store.database import clear_errors, connect
from classify_anything.store.tables import examples, project
from classify_anything.types import Example


class Reader:
    """A project file as it was when this was opened, for one thread at a time.

    Raises StoreError if it cannot be read.
    """

    def __init__(self, path: Path, *, read_only: bool) -> None:
        self.path = path
        self._engine = connect(path, read_only=read_only)
        try:
            with clear_errors(path):
                self._connection = self._engine.connect()
                revision = self._connection.execute(sa.select(project.c.revision)).scalar_one()
        except BaseException:
            self._engine.dispose()
            raise
        self.revision = int(revision)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
        self._engine.dispose()

    def examples(self) -> tuple[Example, ...]:
        """Return all examples, oldest first."""
        select = queries.select_examples().where(sa.not_(examples.c.removed))
        with clear_errors(self.path):
            rows = self._connection.execute(select.order_by(examples.c.id))
            return tuple(queries.to_example(row) for row in rows)

    def image(self, example_id: int) -> tuple[bytes, str]:
        """Return the image of an example and its media type. Raises NotFoundError."""
        with clear_errors(self.path):
            return queries.get_image(self._connection, example_id)

    def images_of(self, ids: Sequence[int]) -> list[tuple[int, bytes]]:
        """Return the images of examples by their ids, without those that are gone."""
        with clear_errors(self.path):
            return queries.images_of(self._connection, ids)
