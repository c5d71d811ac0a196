"""The pages of organisations, gathered on their one blueprint."""

from __future__ import annotations

from portal.organisations import history_views, views
from portal.organisations.views import blueprint

__all__ = ["blueprint", "history_views", "views"]
