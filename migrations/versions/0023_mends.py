"""Whom the sign-in provider let in is said of the membership; a provider may be demanded; several old secrets of an
address sign beside the new one.

Revision: 0023; follows 0022.
"""

from __future__ import annotations

from datetime import UTC

import sqlalchemy as sa
from alembic import op

import portal.db

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

LONG_AGO = "1970-01-01 00:00:00"

_HOOK = sa.table(
    "webhook",
    sa.column("id", sa.Uuid()),
    sa.column("old_secret", sa.LargeBinary()),
    sa.column("old_until", portal.db.UtcDateTime()),
    sa.column("old_secrets", sa.JSON(none_as_null=True)),
)


def upgrade() -> None:
    _providers()
    _addresses()


def downgrade() -> None:
    op.drop_index("ix_webhook_delivery_webhook_id_state", table_name="webhook_delivery")
    op.add_column("webhook", sa.Column("old_secret", sa.LargeBinary(), nullable=True))
    op.add_column("webhook", sa.Column("old_until", portal.db.UtcDateTime(), nullable=True))
    op.drop_column("webhook", "old_secrets")
    op.add_column("sso_identity", sa.Column("made", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute(
        "UPDATE sso_identity SET made = (SELECT member.by_provider FROM organisation_member AS member"
        " WHERE member.organisation_id = sso_identity.organisation_id AND member.person_id = sso_identity.person_id)"
    )
    op.drop_column("sso_identity", "came_at")
    op.drop_column("sso_connection", "required")
    op.drop_column("organisation_member", "by_provider")


def _providers() -> None:
    member, identity = "organisation_member", "sso_identity"
    op.add_column(member, sa.Column("by_provider", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute(
        "UPDATE organisation_member SET by_provider = true WHERE EXISTS (SELECT 1 FROM sso_identity AS identity"
        " WHERE identity.organisation_id = organisation_member.organisation_id"
        " AND identity.person_id = organisation_member.person_id AND identity.made)"
    )
    op.drop_column(identity, "made")
    came = sa.Column("came_at", portal.db.UtcDateTime(), nullable=False, server_default=LONG_AGO)
    op.add_column(identity, came)
    op.execute("UPDATE sso_identity SET came_at = since")
    op.add_column(
        "sso_connection", sa.Column("required", sa.Boolean(), nullable=False, server_default=sa.false())
    )


def _addresses() -> None:
    op.add_column(
        "webhook", sa.Column("old_secrets", sa.JSON(none_as_null=True), nullable=False, server_default="[]")
    )
    connection = op.get_bind()
    for row in connection.execute(sa.select(_HOOK).where(_HOOK.c.old_secret.is_not(None))).all():
        until = row.old_until.astimezone(UTC).isoformat()
        kept = [{"secret": row.old_secret.hex(), "until": until}]
        connection.execute(_HOOK.update().where(_HOOK.c.id == row.id).values(old_secrets=kept))
    op.drop_column("webhook", "old_secret")
    op.drop_column("webhook", "old_until")
    columns = ["webhook_id", "state", "due_at"]
    op.create_index("ix_webhook_delivery_webhook_id_state", "webhook_delivery", columns, unique=False)
