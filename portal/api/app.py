"""The API's description of itself (OpenAPI 3.1), made once in a process when it is first asked for."""

from __future__ import annotations

import http
from functools import cache
from typing import Any

import flask_smorest
from flask import Flask
from flask_smorest.utils import prepare_response
from marshmallow import fields

from portal.access import SCOPES
from portal.api import assessments, engagements, findings, gates, ratings, vendors
from portal.api.base import PREFIX
from portal.api.fields import Strict
from portal.problems import MIMETYPE

RESOURCES = (vendors, engagements, gates, assessments, ratings, findings)
VERSION = "1"
ABOUT = (
    "What an organisation's other systems read and write of its vendors. A token belongs to one person in one "
    "organisation, made under “API tokens” there; it never does more than that person may do, narrowed to its scopes."
)
RETRY = {"Retry-After": {"schema": {"type": "string"}, "description": "Seconds to wait."}}
BEARER = {"WWW-Authenticate": {"schema": {"type": "string"}, "description": "“Bearer”."}}


class WrongShown(Strict):
    """One thing that is wrong."""

    detail = fields.String(required=True)
    pointer = fields.String(metadata={"description": "A JSON pointer into the body (RFC 6901)."})
    parameter = fields.String(metadata={"description": "The name of a parameter or header."})


class Problem(Strict):
    """A problem document (RFC 9457)."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    code = fields.String(required=True, metadata={"description": "A word for programs; it does not change."})
    detail = fields.String(required=True)
    instance = fields.String(required=True, metadata={"description": "The request's id, for the log."})
    errors = fields.List(fields.Nested(WrongShown))


class Api(flask_smorest.Api):  # type: ignore[misc]  # flask-smorest ships no types
    """flask-smorest's description, with our problem documents instead of its errors."""

    DEFAULT_ERROR_RESPONSE_NAME = None  # a default response would document every status that ever comes
    ERROR_SCHEMA = Problem

    def _register_error_handlers(self) -> None:
        """errors.py alone answers faults."""

    def _register_etag_headers(self) -> None:
        """Ours are said at each operation."""

    def _register_pagination_header(self) -> None:
        """Our lists have cursors."""

    def _register_responses(self) -> None:
        for status in http.HTTPStatus:
            response: dict[str, Any] = {"description": status.phrase}
            if status == 401:
                response["headers"] = BEARER
            if status in (429, 503):
                response["headers"] = RETRY
            if status >= 400:
                response["schema"] = self.ERROR_SCHEMA
            prepare_response(response, self.spec, MIMETYPE)
            self.spec.components.response(status.name, response, lazy=True)


@cache
def description(base_url: str) -> dict[str, Any]:
    """The whole document, for a portal at ``base_url``. It is shared: nobody changes it."""
    bare = Flask("portal.api")
    bare.config.update(
        API_TITLE="Vendor Risk Portal",
        API_VERSION=VERSION,
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX=None,
        API_SPEC_OPTIONS={
            "info": {"description": ABOUT},
            "servers": [{"url": base_url or "/"}],
            "components": {
                "securitySchemes": {
                    "bearer": {
                        "type": "http",
                        "scheme": "bearer",
                        "description": "Scopes: " + ", ".join(SCOPES),
                    }
                }
            },
        },
    )
    api = Api(bare)
    for one in RESOURCES:
        api.register_blueprint(one.blueprint)
    found: dict[str, Any] = api.spec.to_dict()
    return found


__all__ = ["PREFIX", "description"]
