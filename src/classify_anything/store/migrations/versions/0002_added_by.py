"""Each example tells the change that added it, so that one change may join many recordings."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("examples", sa.Column("added_by", sa.Integer))
    op.execute(
        "UPDATE examples SET added_by ="
        " (SELECT change_id FROM recordings WHERE recordings.id = examples.recording_id)"
    )
    op.create_index("ix_examples_added_by", "examples", ["added_by"])
