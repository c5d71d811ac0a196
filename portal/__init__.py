"""Vendor Risk Portal: the application. ``create_app(settings)`` loops over the features and does nothing else."""

from __future__ import annotations

from portal.settings import Settings
from portal.web import Portal


def create_app(settings: Settings) -> Portal:
    """The WSGI application of one installation; raises StartupFault when the database is not ready for it."""
    from flask_babel import Babel
    from jinja2 import StrictUndefined

    from portal import errors, features, formats, frame, installation, logs, schema, web
    from portal.db import Database
    from portal.organisations.identity import TenantResolver
    from portal.storage import open_storage

    app = Portal("portal")
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(formats.FILTERS)
    app.settings = settings
    installation.require_whole(settings.data)
    app.database = Database(settings.database_url, settings.base_url, settings.secret_key)
    schema.require_current(app.database)
    app.storage = open_storage(settings)
    app.resolver = TenantResolver()
    app.consequences = features.CONSEQUENCES
    app.rated = features.RATED
    app.waiting = features.WAITING
    app.decided_on = features.DECIDED_ON
    app.breaks = features.BREAKS
    app.gate_of = features.GATE_OF
    app.portfolio = features.PORTFOLIO
    app.hinders_reopening = features.HINDERS_REOPENING
    app.unlinked = features.UNLINKED
    app.at_clients = features.AT_CLIENTS
    app.tokens_of = features.TOKENS_OF
    app.knows_region = features.KNOWS_REGION
    app.policy_effects = features.POLICY_EFFECTS
    app.as_seen = features.AS_SEEN
    app.secret_key = settings.secret_key
    if settings.trusted_proxies:
        from werkzeug.middleware.proxy_fix import ProxyFix

        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=settings.trusted_proxies)  # type: ignore[method-assign]  # Flask's own way
    Babel(app)
    logs.install(app)
    web.install(app)
    errors.install(app)
    frame.install(app)
    for feature in features.VIEWS:
        app.register_blueprint(feature.blueprint)
    return app
