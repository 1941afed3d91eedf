"""What a backbone makes of altered copies of an example is kept beside its embedding."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "views",
        sa.Column("example_id", sa.Integer, sa.ForeignKey("examples.id"), primary_key=True),
        sa.Column("backbone", sa.Text, primary_key=True),
        sa.Column("vectors", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
