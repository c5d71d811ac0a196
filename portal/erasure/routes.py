"""The pages of erasure, gathered on their one blueprint."""

from __future__ import annotations

from portal.erasure import intake_views, views
from portal.erasure.views import blueprint

__all__ = ["blueprint", "intake_views", "views"]
