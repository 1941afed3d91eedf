"""The journal keeps how many examples of which class an addition has added."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    connection = op.get_bind()
    changes = sa.table("changes", sa.column("id"), sa.column("kind"), sa.column("data", sa.JSON))
    examples = sa.table("examples", sa.column("class_id"), sa.column("added_by"))
    additions = connection.execute(sa.select(changes).where(changes.c.kind == "add")).all()
    for change in additions:
        mine = sa.select(examples.c.class_id, sa.func.count()).group_by(examples.c.class_id)
        rows = connection.execute(mine.where(examples.c.added_by == change.id)).all()
        counts = {row[0]: row[1] for row in rows}
        only = next(iter(counts)) if len(counts) == 1 else None
        data = {**change.data, "counts": counts, "class": only}
        connection.execute(sa.update(changes).where(changes.c.id == change.id).values(data=data))
