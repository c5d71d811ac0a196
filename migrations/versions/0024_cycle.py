"""Rules of the cycle, working years, and what a reassessment's date rests on (portal/reassessment/models.py).

Revision: 0024; follows 0023.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

import portal.db
from portal.schema import seal

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

SCHEDULED = sa.text("state = 'scheduled'")


def upgrade() -> None:
    op.create_table(
        "cycle_version",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["created_by"], ["person.id"], name=op.f("fk_cycle_version_created_by")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_cycle_version_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cycle_version")),
        sa.UniqueConstraint(
            "organisation_id", "sequence", name=op.f("uq_cycle_version_organisation_id_sequence")
        ),
        info={"tenancy": "organisation", "immutable": True, "unaudited": ""},
    )
    seal("cycle_version", (("id",), ("organisation_id", "sequence")))
    op.create_table(
        "working_year",
        sa.Column("region", sa.String(length=10), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("weekend", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("days", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("read_at", portal.db.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("region", "year", name=op.f("pk_working_year")),
        info={"tenancy": "global", "immutable": False, "unaudited": "read from a published table"},
    )
    op.add_column("organisation", sa.Column("region", sa.String(10), nullable=False, server_default=""))
    op.add_column("organisation", sa.Column("cycle_since", sa.Date()))
    _columns_of_reassessment()
    # What is there already speaks for no day before this one.
    organisations = sa.table("organisation", sa.column("cycle_since", sa.Date()))
    op.get_bind().execute(organisations.update().values(cycle_since=datetime.now(UTC).date()))
    _end_campaigns()
    _end_doubles()
    op.create_index(
        "uq_reassessment_scheduled",
        "reassessment",
        ["engagement_id", "slug"],
        unique=True,
        sqlite_where=SCHEDULED,
        postgresql_where=SCHEDULED,
    )


def _columns_of_reassessment() -> None:
    op.add_column("reassessment", sa.Column("cycle", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("reassessment", sa.Column("not_before", sa.Date()))
    op.add_column("reassessment", sa.Column("wanted", sa.Date()))
    op.add_column("reassessment", sa.Column("why", sa.String(10), nullable=False, server_default=""))
    op.add_column("reassessment", sa.Column("basis", sa.String(64), nullable=False, server_default=""))
    op.add_column("reassessment", sa.Column("hindered", sa.String(20), nullable=False, server_default=""))
    op.add_column("reassessment", sa.Column("hindered_on", sa.Date()))


_ROWS = sa.table(
    "reassessment",
    sa.column("id", sa.Uuid()),
    sa.column("engagement_id", sa.Uuid()),
    sa.column("slug"),
    sa.column("state"),
    sa.column("submission_id", sa.Uuid()),
)
_SUBMISSIONS = sa.table(
    "submission",
    sa.column("id", sa.Uuid()),
    sa.column("content_hash"),
    sa.column("sealed_at", portal.db.UtcDateTime()),
)


def _end_campaigns() -> None:
    """What asked once is not asked again."""
    definitions = sa.table("definition", sa.column("content_hash"), sa.column("canonical", sa.LargeBinary()))
    connection = op.get_bind()
    asked = sa.select(_SUBMISSIONS.c.content_hash).join(_ROWS, _ROWS.c.submission_id == _SUBMISSIONS.c.id)
    for content_hash, canonical in connection.execute(
        sa.select(definitions).where(definitions.c.content_hash.in_(asked))
    ).all():
        if json.loads(canonical).get("purpose") == "campaign":
            of_it = sa.select(_SUBMISSIONS.c.id).where(_SUBMISSIONS.c.content_hash == content_hash)
            connection.execute(
                _ROWS.update()
                .where(_ROWS.c.state == "scheduled", _ROWS.c.submission_id.in_(of_it))
                .values(state="ended")
            )


def _end_doubles() -> None:
    """Of several dates for one engagement and questionnaire the newest submission's is the one."""
    connection = op.get_bind()
    rows = connection.execute(
        sa.select(_ROWS.c.id, _ROWS.c.engagement_id, _ROWS.c.slug)
        .join(_SUBMISSIONS, _SUBMISSIONS.c.id == _ROWS.c.submission_id)
        .where(_ROWS.c.state == "scheduled")
        .order_by(_SUBMISSIONS.c.sealed_at.desc(), _ROWS.c.id)
    )
    seen = set()
    for row_id, engagement_id, slug in rows.all():
        if (engagement_id, slug) in seen:
            connection.execute(_ROWS.update().where(_ROWS.c.id == row_id).values(state="ended"))
        seen.add((engagement_id, slug))


def downgrade() -> None:
    op.drop_index("uq_reassessment_scheduled", "reassessment")
    for name in ("cycle", "not_before", "wanted", "why", "basis", "hindered", "hindered_on"):
        op.drop_column("reassessment", name)
    op.drop_column("organisation", "cycle_since")
    op.drop_column("organisation", "region")
    op.drop_table("working_year")
    op.drop_table("cycle_version")
