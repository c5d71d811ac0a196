"""Entry point for a WSGI server: ``gunicorn wsgi:application`` with PORTAL_DATA and PORTAL_* set."""

from __future__ import annotations

import os
from pathlib import Path

from portal import create_app, logs
from portal.settings import load

settings = load(Path(os.environ.get("PORTAL_DATA", "data")))
logs.configure(settings.log_format)
application = create_app(settings)
