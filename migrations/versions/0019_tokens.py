"""API tokens and what was asked once (portal/organisations/token_models.py).

Revision: 0019; follows 0018.
"""

from __future__ import annotations

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Empty until its owner fills it."""


def downgrade() -> None:
    """Empty until its owner fills it."""
