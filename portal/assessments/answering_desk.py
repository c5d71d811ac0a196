"""What the answering pages read before they draw: the draft with names, who asks, what is sealed."""

from __future__ import annotations

from typing import Any

from portal import clock, web
from portal.assessments import acceptance, move_offers, queries, reach, sealing
from portal.assessments.answering_cards import Desk
from portal.assessments.answering_words import _
from portal.assessments.drafts import Content, Draft, content_of
from portal.assessments.models import Assessment, Submission
from portal.assessments.offers import Offers
from portal.assessments.reach import Reach
from portal.formats import full_date
from portal.library import service as library
from portal.organisations import queries as organisations


def desk(one: Assessment, offered: bool | str = False) -> Desk:
    """The draft of an assessment with everything that its cards need.

    ``offered``: with what earlier answers offer to everything that is not answered, or to one section of this key.
    """
    session, identity, now = web.db(), web.identity(), web.now()
    definition = library.definition(session, one.content_hash)
    held = queries.rows(session, identity, one.id)
    links = {row.delegation_id for row, _stale in held.values() if row.delegation_id}
    given = acceptance.through(session, identity, links)
    beside = queries.documents_of(session, identity, one)
    names = {row.answered_by for row, _stale in held.values()} | {link.created_by for link in given.values()}
    names |= {each.grant.granted_by for some in beside.values() for each in some}
    draft = queries.draft(session, identity, definition, one, held, now, beside)
    reached = reach.reach(session, identity, one, definition, now, draft)
    found = offers_for(one, draft, reached, offered) if offered else {}
    names |= {past.who for each in found.values() for past in each.pasts}
    people = organisations.people(session, names)
    return Desk(one, draft, held, people, identity, now, reached, given, found)


def offers_for(one: Assessment, draft: Draft, reached: Reach, offered: bool | str) -> Offers:
    """What earlier answers offer to the questions in reach that are not answered; of one section, if it is named."""
    section = draft.definition.section(offered) if isinstance(offered, str) else None
    asked = draft.definition.questions if section is None else [each.key for each in section.questions]
    keys = [key for key in asked if reached.covers(key)]
    return move_offers.everything(
        web.db(), web.identity(), one, draft.definition, keys, web.now(), draft.contents
    )


def asked_by(one: Assessment) -> dict[str, Any]:
    """Template context: the organisation's name, today's date where it is, the address of pages, the footer."""
    organisation = organisations.organisation_for_company(web.db(), one.organisation_id)
    identity = web.identity()
    assert identity.company is not None
    return {
        "asker": organisation.name,
        "today": clock.local_date(web.now(), one.zone),
        "at": {"company": identity.company.slug, "assessment": one.id},
        "foot_text": _foot(one, organisation.name),
        "closed": closed(one, organisation.name),
    }


def closed(one: Assessment, asker: str) -> dict[str, Any] | None:
    """How an assessment ended that nobody submits any more: declined or taken back, when and by whom."""
    if one.state not in ("declined", "cancelled") or one.closed_at is None:
        return None
    people = organisations.people(web.db(), [one.closed_by] if one.closed_by else [])
    who = people[one.closed_by].name if one.closed_by in people else asker
    if one.state == "declined":
        title = _("%(who)s of %(asker)s has taken note that your company declines.", who=who, asker=asker)
    else:
        title = _("%(who)s of %(asker)s has taken this request back.", who=who, asker=asker)
    return {"title": title, "at": one.closed_at, "state": one.state}


def _foot(one: Assessment, asker: str) -> str:
    if one.state != "open":
        return _("Asked by %(asker)s. Times are those of %(zone)s.", asker=asker, zone=one.zone)
    return _(
        "Asked by %(asker)s, due %(due)s. Only your team sees drafts. Times are those of %(zone)s.",
        asker=asker,
        due=full_date(one.due),
        zone=one.zone,
    )


def locked_contents(one: Assessment) -> tuple[Submission | None, dict[str, Content]]:
    """What stands when nothing can be changed: what was sealed, or the draft of what was declined or taken back."""
    if one.state == "submitted" or (one.state == "open" and one.scope_id is not None):
        return sealed_contents(one)
    held = queries.rows(web.db(), web.identity(), one.id)
    found = {key: content_of(row) for key, (row, _stale) in held.items()}
    return None, {key: content for key, content in found.items() if not content.blank}


def sealed_contents(one: Assessment) -> tuple[Submission, dict[str, Content]]:
    """The newest submission and what was sealed, by key; redacted answers are not there."""
    session, identity = web.db(), web.identity()
    submission = queries.submission(session, identity, one)
    found = queries.sealed(session, identity, submission)
    return submission, {key: sealing.content(row.answer) for key, row in found.items()}
