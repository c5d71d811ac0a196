"""Sign-in of an organisation by its own provider (portal/organisations/sso_models.py).

Revision: 0022; follows 0021.
"""

from __future__ import annotations

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Empty until its owner fills it."""


def downgrade() -> None:
    """Empty until its owner fills it."""
