"""A project keeps how it decides."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("project", sa.Column("settings", sa.JSON, nullable=False, server_default="{}"))
