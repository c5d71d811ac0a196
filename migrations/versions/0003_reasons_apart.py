"""The reasons of evaluations quote answers: they move beside the sealed rows, so that they can be destroyed (law 6).

Revision: 0003; follows 0002. Sealed rows cannot be changed, so the table is made anew from its rows.
"""

from __future__ import annotations

import json
import secrets
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from alembic import op

import portal.db
from portal.schema import seal

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KEYS = (("id",), ("engagement_id", "sequence"))


def upgrade() -> None:
    rows = _rows()
    op.drop_table("evaluation")
    table = _create(sa.Column("reasons_commitment", sa.String(length=64), nullable=False))
    beside = op.create_table(
        "evaluation_reasons",
        sa.Column("evaluation_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=True),
        sa.Column("salt", sa.LargeBinary(length=32), nullable=False),
        sa.Column("reasons", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["company_id"], ["company.id"], name=op.f("fk_evaluation_reasons_company_id")
        ),
        sa.ForeignKeyConstraint(
            ["evaluation_id"], ["evaluation.id"], name=op.f("fk_evaluation_reasons_evaluation_id")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_evaluation_reasons_organisation_id")
        ),
        sa.PrimaryKeyConstraint("evaluation_id", name=op.f("pk_evaluation_reasons")),
        info={"tenancy": "shared", "immutable": False, "unaudited": ""},
    )
    for row in rows:
        outcomes = json.loads(row["outcomes"])
        said = {one["key"]: [one.pop("reason"), one.pop("reason_vendor")] for one in outcomes}
        salt, reasons = secrets.token_bytes(32), _canonical(said)
        op.bulk_insert(
            table,
            [
                row
                | {
                    "outcomes": _canonical(outcomes),
                    "reasons_commitment": sha256(salt + reasons).hexdigest(),
                }
            ],
        )
        op.bulk_insert(
            beside,
            [
                {
                    "evaluation_id": row["id"],
                    "organisation_id": row["organisation_id"],
                    "company_id": row["company_id"],
                    "salt": salt,
                    "reasons": reasons,
                }
            ],
        )
    seal("evaluation", KEYS)


def downgrade() -> None:
    rows = _rows()
    bind = op.get_bind()
    beside = sa.table(
        "evaluation_reasons", sa.column("evaluation_id", sa.Uuid()), sa.column("reasons", sa.LargeBinary())
    )
    said = {key: json.loads(reasons) for key, reasons in bind.execute(sa.select(beside)).all()}
    op.drop_table("evaluation_reasons")
    op.drop_table("evaluation")
    table = _create()
    for row in rows:
        outcomes = json.loads(row["outcomes"])
        for one in outcomes:
            one["reason"], one["reason_vendor"] = said.get(row["id"], {}).get(one["key"], ("", ""))
        op.bulk_insert(table, [row | {"outcomes": _canonical(outcomes)}])
    seal("evaluation", KEYS)


def _columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=True),
        sa.Column("engagement_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("catalogue_hash", sa.String(length=64), nullable=False),
        sa.Column("facts", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("submissions", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("outcomes", sa.LargeBinary(), nullable=False),
        sa.Column("evaluated_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
    ]


def _rows() -> list[dict[str, Any]]:
    table = sa.Table("evaluation", sa.MetaData(), *_columns())
    return [dict(row) for row in op.get_bind().execute(sa.select(table)).mappings()]


def _create(*more: sa.Column[Any]) -> sa.Table:
    table = op.create_table(
        "evaluation",
        *_columns(),
        *more,
        sa.ForeignKeyConstraint(
            ["catalogue_hash"],
            ["requirement_catalogue.catalogue_hash"],
            name=op.f("fk_evaluation_catalogue_hash"),
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_evaluation_company_id")),
        sa.ForeignKeyConstraint(
            ["engagement_id"], ["engagement.id"], name=op.f("fk_evaluation_engagement_id")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_evaluation_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evaluation")),
        sa.UniqueConstraint("engagement_id", "sequence", name=op.f("uq_evaluation_engagement_id_sequence")),
        info={"tenancy": "shared", "immutable": True, "unaudited": ""},
    )
    op.create_index("ix_evaluation_company_id", "evaluation", ["company_id"], unique=False)
    op.create_index("ix_evaluation_organisation_id", "evaluation", ["organisation_id"], unique=False)
    return table


def _canonical(value: object) -> bytes:
    """As the canonical JSON of the questionnaires; written out, since a migration must not change with the code."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
