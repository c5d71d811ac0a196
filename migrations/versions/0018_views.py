"""Saved views of lists (portal/portfolio/view_models.py).

Revision: 0018; follows 0017.
"""

from __future__ import annotations

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Empty until its owner fills it."""


def downgrade() -> None:
    """Empty until its owner fills it."""
