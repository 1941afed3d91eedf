"""The settings call the strictness the rejection level."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    connection = op.get_bind()
    project = sa.table("project", sa.column("settings", sa.JSON))
    for settings in connection.execute(sa.select(project.c.settings)).scalars().all():
        if "strictness" in settings:
            renamed = {"rejection_level": settings["strictness"], **settings}
            del renamed["strictness"]
            connection.execute(sa.update(project).values(settings=renamed))
