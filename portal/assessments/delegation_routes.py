"""The addresses of delegation, on one page: behind a link, one's own part, and the owner's pages."""

from __future__ import annotations

from flask import Blueprint

from portal.assessments import delegation_pages as helper
from portal.assessments import delegation_views as owner

blueprint = Blueprint("delegation", __name__)

_ONE = "/c/<company>/assessments/<uuid:assessment>"
_GIVEN = f"{_ONE}/delegations/<uuid:delegation>"

blueprint.add_url_rule("/delegations/<token>", "link", helper.link)
blueprint.add_url_rule("/delegations/<token>", "enter", helper.enter, methods=["POST"])
blueprint.add_url_rule(f"{_ONE}/mine", "mine", helper.mine)
blueprint.add_url_rule(f"{_ONE}/mine", "finish", helper.finish, methods=["POST"])
blueprint.add_url_rule(f"{_ONE}/mine/leave", "leave", helper.leave, methods=["POST"])
blueprint.add_url_rule(f"{_ONE}/delegations", "overview", owner.overview)
blueprint.add_url_rule(f"{_ONE}/delegations/new", "new", owner.new)
blueprint.add_url_rule(f"{_ONE}/delegations/new", "give", owner.give, methods=["POST"])
blueprint.add_url_rule(f"{_ONE}/delegations/answers", "waiting", owner.waiting)
blueprint.add_url_rule(f"{_ONE}/delegations/answers", "accept", owner.accept, methods=["POST"])
blueprint.add_url_rule(f"{_GIVEN}/resend", "resend", owner.resend, methods=["POST"])
blueprint.add_url_rule(f"{_GIVEN}/revoke", "revoke", owner.revoke, methods=["POST"])
