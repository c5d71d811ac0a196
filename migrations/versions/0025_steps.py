"""Steps, ends of reminders, letters rendered when sent, digests and choices (portal/reassessment, portal/outbox.py).

Revision: 0025; follows 0024.
"""

from __future__ import annotations

import re
import uuid
from datetime import timedelta

import sqlalchemy as sa
from alembic import op

import portal.db
from portal.schema import seal

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _steps()
    _letters()


def downgrade() -> None:
    _without_letters()
    _without_steps()


# ------------------------------------------------------------------------------ steps and what became of reminders


def _steps() -> None:
    op.create_table(
        "reminder_step",
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("due", sa.Date(), nullable=False),
        sa.Column("step", sa.String(length=20), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=True),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("skipped", sa.String(length=20), nullable=False),
        sa.Column("made_id", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_reminder_step_company_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_reminder_step_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reminder_step")),
        sa.UniqueConstraint(
            *("subject_id", "kind", "due", "step"), name=op.f("uq_reminder_step_subject_id_kind_due_step")
        ),
        info={
            "tenancy": "shared",
            "immutable": True,
            "unaudited": "its reminders and its event say it",
        },
    )
    op.create_index(
        "ix_reminder_step_organisation_id_at", "reminder_step", ["organisation_id", "at"], unique=False
    )
    # Its unique key is left to ON CONFLICT DO NOTHING, which a trigger would forestall.
    seal("reminder_step", (("id",),))
    op.add_column("reminder", sa.Column("skipped", sa.String(20), nullable=False, server_default=""))
    op.create_index("ix_reminder_message_id", "reminder", ["message_id"], unique=False)
    op.create_table(
        "reminder_end",
        sa.Column("reminder_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=True),
        sa.Column("why", sa.String(length=20), nullable=False),
        sa.Column("at", portal.db.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_reminder_end_company_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_reminder_end_organisation_id")
        ),
        sa.ForeignKeyConstraint(["reminder_id"], ["reminder.id"], name=op.f("fk_reminder_end_reminder_id")),
        sa.PrimaryKeyConstraint("reminder_id", name=op.f("pk_reminder_end")),
        info={"tenancy": "shared", "immutable": True, "unaudited": ""},
    )
    op.create_index("ix_reminder_end_organisation_id", "reminder_end", ["organisation_id"], unique=False)
    seal("reminder_end", (("reminder_id",),))
    _steps_on_record()


def _steps_on_record() -> None:
    """What was told before is done: one step for the reminders of each subject, date and step."""
    reminders = sa.table(
        "reminder",
        *(
            sa.column(name, sa.Uuid())
            for name in ("subject_id", "organisation_id", "company_id", "person_id")
        ),
        *(sa.column("kind"), sa.column("step"), sa.column("due", sa.Date())),
        sa.column("queued_at", portal.db.UtcDateTime()),
    )
    steps = sa.table(
        "reminder_step",
        *(sa.column(name, sa.Uuid()) for name in ("id", "subject_id", "organisation_id", "company_id")),
        *(sa.column("kind"), sa.column("step"), sa.column("skipped")),
        *(sa.column("due", sa.Date()), sa.column("day", sa.Date()), sa.column("people", sa.Integer())),
        sa.column("at", portal.db.UtcDateTime()),
    )
    found: dict[tuple[uuid.UUID, str, object, str], dict[str, object]] = {}
    connection = op.get_bind()
    for one in connection.execute(sa.select(reminders).order_by(reminders.c.queued_at)):
        key = one.subject_id, one.kind, one.due, one.step
        if key not in found:
            found[key] = {
                "id": uuid.uuid4(),
                "subject_id": one.subject_id,
                "kind": one.kind,
                "due": one.due,
                "step": one.step,
                "organisation_id": one.organisation_id,
                "company_id": one.company_id,
                "day": one.due + timedelta(days=_days(one.step)),
                "at": one.queued_at,
                "people": 0,
                "skipped": "",
            }
        row = found[key]
        row["people"] = int(str(row["people"])) + 1
        row["company_id"] = row["company_id"] or one.company_id
    if found:
        connection.execute(steps.insert(), list(found.values()))


def _days(step: str) -> int:
    """Of a step's name: ``before-30``, ``on-the-day``, ``after-7``."""
    named = re.fullmatch(r"(before|after)-(\d+)", step)
    if named is None:
        return 0
    return int(named[2]) * (-1 if named[1] == "before" else 1)


def _without_steps() -> None:
    op.drop_table("reminder_end")
    op.drop_index("ix_reminder_message_id", "reminder")
    op.drop_column("reminder", "skipped")
    op.drop_table("reminder_step")


# ------------------------------------------------------------------------------------------ letters and digests


def _letters() -> None:
    """Letters whose text is worked out when they are sent, the digest of a day, what a person does not want to get."""
    op.add_column("message", sa.Column("person_id", sa.Uuid(), nullable=True))
    op.add_column("message", sa.Column("group", sa.String(length=20), nullable=False, server_default=""))
    op.add_column("message", sa.Column("ready", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.add_column("message", sa.Column("into_id", sa.Uuid(), nullable=True))
    op.create_index("ix_message_person_id_state", "message", ["person_id", "state"], unique=False)
    op.create_index("ix_message_into_id", "message", ["into_id"], unique=False)
    op.create_index(
        "ix_message_organisation_id_created_at", "message", ["organisation_id", "created_at"], unique=False
    )
    op.add_column("person", sa.Column("zone", sa.String(length=60), nullable=True))
    op.add_column("person", sa.Column("post_hour", sa.Integer(), nullable=False, server_default="7"))
    op.create_table(
        "digest",
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_digest_person_id")),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_digest")),
        sa.UniqueConstraint("person_id", "day", name=op.f("uq_digest_person_id_day")),
        info={
            "tenancy": "global",
            "immutable": False,
            "unaudited": "its letter and its reminders say it",
        },
    )
    op.create_table(
        "letter_choice",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("place_id", sa.Uuid(), nullable=False),
        sa.Column("group", sa.String(length=20), nullable=False),
        sa.Column("off_at", portal.db.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_letter_choice_person_id")),
        sa.PrimaryKeyConstraint("person_id", "place_id", "group", name=op.f("pk_letter_choice")),
        info={"tenancy": "global", "immutable": False, "unaudited": ""},
    )


def _without_letters() -> None:
    op.drop_table("letter_choice")
    op.drop_table("digest")
    op.drop_column("person", "post_hour")
    op.drop_column("person", "zone")
    op.drop_index("ix_message_organisation_id_created_at", table_name="message")
    op.drop_index("ix_message_into_id", table_name="message")
    op.drop_index("ix_message_person_id_state", table_name="message")
    for column in ("into_id", "ready", "group", "person_id"):
        op.drop_column("message", column)
