"""Notices of events, webhooks and their deliveries (portal/webhooks/models.py).

Revision: 0020; follows 0019.
"""

from __future__ import annotations

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Empty until its owner fills it."""


def downgrade() -> None:
    """Empty until its owner fills it."""
