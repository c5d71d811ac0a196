"""All pages of the whole picture, on one blueprint."""

from __future__ import annotations

from portal.portfolio import concentration_views as concentration_views
from portal.portfolio import list_views as list_views
from portal.portfolio import view_views as view_views
from portal.portfolio.home_views import blueprint as blueprint
from portal.portfolio.home_views import page as page
