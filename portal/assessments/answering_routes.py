"""The addresses of the answering pages, on one page."""

from __future__ import annotations

from flask import Blueprint

from portal.assessments import answering_home as home
from portal.assessments import answering_sections as sections
from portal.assessments import answering_submission as submission

blueprint = Blueprint("answering", __name__)

_ONE = "/c/<company>/assessments/<uuid:assessment>"
_SECTION = f"{_ONE}/sections/<section>"

blueprint.add_url_rule("/c/<company>/", "home", home.home)
blueprint.add_url_rule(_ONE, "assessment", home.assessment)
blueprint.add_url_rule(f"{_ONE}/questions", "questions", home.questions)
blueprint.add_url_rule(_SECTION, "section", sections.section)
blueprint.add_url_rule(_SECTION, "save", sections.save, methods=["POST"])
blueprint.add_url_rule(f"{_SECTION}/answer", "autosave", sections.autosave, methods=["POST"])
blueprint.add_url_rule(f"{_ONE}/missing", "missing", sections.missing)
blueprint.add_url_rule(f"{_ONE}/submit", "submit", submission.review)
blueprint.add_url_rule(f"{_ONE}/submit", "sign", submission.sign, methods=["POST"])
blueprint.add_url_rule(f"{_ONE}/receipt", "receipt", submission.receipt)
