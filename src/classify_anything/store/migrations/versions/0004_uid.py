"""A project keeps a name of its own that no other has, wherever its file goes."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("project", sa.Column("uid", sa.Text, nullable=False, server_default=""))
    op.execute("UPDATE project SET uid = lower(hex(randomblob(8)))")
