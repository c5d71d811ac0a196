"""The pages of accounts, gathered on their one blueprint."""

from __future__ import annotations

from portal.accounts import account_views, factor_views, passkey_views, views
from portal.accounts.desk import blueprint

__all__ = ["account_views", "blueprint", "factor_views", "passkey_views", "views"]
