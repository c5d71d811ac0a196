"""Whether a document proves what a question asks for on a day, and if not, why: in codes and in words."""

from __future__ import annotations

from datetime import date

from flask_babel import gettext, ngettext

from portal.evidence.kinds import evidence_name
from portal.formats import full_date
from questionnaires.answers import Answer, EvidenceItem
from questionnaires.definition import EvidenceRule
from questionnaires.kinds import is_of_kind
from questionnaires.scoring import is_proven


def unfit(rule: EvidenceRule, item: EvidenceItem, as_of: date) -> str:
    """Why ``item`` does not prove what ``rule`` asks for: kind, expired, undated, ahead or old; "" when it does."""
    if is_proven(rule, Answer("answered", evidence=(item,)), as_of):
        return ""
    if not is_of_kind(item.kind, rule.kind):
        return "kind"
    if item.expires is not None and item.expires < as_of:
        return "expired"
    if item.issued is None:
        return "undated"
    return "ahead" if item.issued > as_of else "old"


def unfit_words(rule: EvidenceRule, item: EvidenceItem, as_of: date) -> str:
    """The same as a sentence for the card; "" when it fits."""
    match unfit(rule, item, as_of):
        case "":
            return ""
        case "kind":
            return str(
                gettext(
                    "Not what is asked for: this is “%(kind)s”, asked for is “%(wanted)s”.",
                    kind=evidence_name(item.kind),
                    wanted=evidence_name(rule.kind),
                )
            )
        case "expired":
            assert item.expires is not None
            return str(
                gettext("Expired on %(day)s, so it proves nothing any more.", day=full_date(item.expires))
            )
        case "undated":
            return str(
                gettext("Without its date of issue it proves nothing here. Write the date that it bears.")
            )
        case "ahead":
            return str(gettext("Its date of issue is still to come."))
        case _:
            return str(
                ngettext(
                    "Too old: here a document counts for one month from its date.",
                    "Too old: here a document counts for %(num)s months from its date.",
                    rule.valid_months or 0,
                )
            )
