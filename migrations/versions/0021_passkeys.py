"""Passkeys, spent challenges, and the way a session came (portal/accounts/passkey_models.py).

Revision: 0021; follows 0020.
"""

from __future__ import annotations

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Empty until its owner fills it."""


def downgrade() -> None:
    """Empty until its owner fills it."""
