"""The gate's pages, gathered on their one blueprint."""

from __future__ import annotations

from portal.gate import list_views, more_views, views
from portal.gate.views import blueprint

__all__ = ["blueprint", "list_views", "more_views", "views"]
