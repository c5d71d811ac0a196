"""What the fields of a draft's parts are called on pages."""

from __future__ import annotations

from flask_babel import gettext as _


def words_of(name: str) -> str:
    """The name of a field of a part; one without words of its own is told by its name."""
    known = {
        "text": _("The question"),
        "help": _("Help"),
        "type": _("Kind of answer"),
        "options": _("Answers"),
        "columns": _("Columns"),
        "combine": _("How points add up"),
        "unit": _("Unit"),
        "weight": _("Weight"),
        "critical": _("Critical"),
        "minimum": _("Minimum"),
        "visible_when": _("Asked if"),
        "required": _("Must be answered"),
        "required_when": _("Must be answered if"),
        "allow_na": _("May be not applicable"),
        "evidence": _("Proof"),
        "finding": _("Findings"),
        "refs": _("References"),
        "formerly": _("Takes over from"),
        "reworded": _("Reworded since"),
        "revision": _("Revision of the meaning"),
        "points_when": _("Points by value"),
        "title": _("Title"),
        "intro": _("Introduction"),
        "summary": _("Summary"),
        "bands": _("Bands"),
        "caps": _("Caps"),
        "label": _("label"),
        "value": _("value"),
        "points": _("points"),
        "when": _("if"),
    }
    return str(known.get(name, name.replace("_", " ")))
