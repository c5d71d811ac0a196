"""The audit cycle of the demonstration: what opens next, what is stuck, what ends, what a campaign has brought.

Two vendors of parcels, so that the story of the others stays as short as it is: Quillon has answered a year ago and is
asked again soon; Ferrow has been invited by the campaign and has not come yet.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, time, timedelta
from types import MappingProxyType
from typing import Any

from sqlalchemy.orm import Session

from portal import demo_story, features
from portal.access import CompanyRole, Identity, Person
from portal.assessments import issuing
from portal.assessments.drafts import Content
from portal.assessments.issuing_many import Order
from portal.assessments.models import Assessment, Submission
from portal.assessments.service import Edit, save_answers
from portal.assessments.submitting import Attestation, statement, submit
from portal.campaigns import choosing, running
from portal.campaigns import service as campaigns
from portal.campaigns.choosing import Choice
from portal.demo_samples import Calendar
from portal.demo_story import LITE, Bought
from portal.gate import accepting, case
from portal.library import releasing
from portal.library import service as library
from portal.library.importing import Import
from portal.organisations.models import Company
from portal.portfolio.engagement_lists import Filter
from portal.reassessment import incident_queries, incidents, rules, rules_service
from portal.review import marking
from portal.review import queries as reviews
from portal.vendors import policy_queries, policy_service
from portal.vendors import service as vendors
from portal.vendors.models import Contact, Engagement, Vendor
from questionnaires import catalog
from questionnaires.definition import Question, Questionnaire
from questionnaires.parsing import parse_json

QUILLON = ("Quillon Couriers", ("Sanna Quillon", "sanna@quillon.example"))
FERROW = ("Ferrow Dispatch", ("Per Ferrow", "per@ferrow.example"))
PARCELS = "Parcels between our offices"
KNOWN = 400  # days before the first start
YEARLY = 365
OPENS_IN, STUCK_FOR = 8, 9  # days: until one is opened, and since when the other cannot be
ROUNDS = "house_rules"
FACTS = {
    "engagement.data": ["personal"],
    "engagement.volume": "up_1k",
    "engagement.process": "slower",
    "engagement.hosting": "agreed",
}

# The organisation's own questionnaire, retired since: nobody has released the next one, so nothing can be opened by it.
OWN_QUESTIONS = {
    "format": 1,
    "slug": ROUNDS,
    "version": "1.0.0",
    "title": "Our house rules",
    "summary": "Three questions to every firm whose people come into our houses, or take something out of them.",
    "language": "en",
    "purpose": "assessment",
    "weighting": "flat",
    "knockout_band": "weak",
    "licence": "Halden Mutual",
    "bands": [
        {"name": "kept", "label": "Kept", "minimum": 70},
        {"name": "weak", "label": "Weak", "minimum": 0},
    ],
    "sections": [
        {
            "key": "houses",
            "title": "In our houses",
            "intro": "Answer for the people who come into our houses.",
            "questions": [
                {
                    "key": f"own.{ROUNDS}.{key}",
                    "text": text,
                    "help": "Whoever plans their work knows.",
                    "type": "choice",
                    "options": [
                        {"value": "always", "label": "Always", "points": 100},
                        {"value": "mostly", "label": "Mostly", "points": 40},
                        {"value": "never", "label": "Never", "points": 0},
                    ],
                }
                for key, text in (
                    ("badges", "Do your people wear a badge with their picture?"),
                    ("bags", "Is what they take along locked up on the way?"),
                    ("lists", "Does somebody count what leaves against what arrives?"),
                )
            ],
        }
    ],
}
# What Quillon has said beside the best of each question: two of them are known not to be so.
SAID: Mapping[str, Any] = MappingProxyType(
    {
        "profile.service_type": ["services"],
        "profile.develops_software": "no",
        "profile.hosting": ["public_cloud"],
        "data.categories": ["personal"],
        "access.mfa_admin": "none",
        "people.training": "start",
        "vuln.patch_critical_days": "14",
        "incident.notice_hours": "24",
        "suppliers.uses": "none",
        "ai.use": "none",
        "campaign.uses": "affected",
        "campaign.exposed": "no",
        "campaign.contact": "Sanna Quillon, +46 555 01 20, day and night.",
    }
)
REASON = (
    "The log library that everybody talks of this week. We have to tell our supervisor by Friday who is "
    "affected."
)
ACCEPTED = "Two people look after their one server. A second step comes with its new console, and parcels do not wait."
OUTAGE = (
    "On Saturday night a file with pay slips of eleven of your people lay open to another customer for two hours. We "
    "closed it at 02:10 and are looking through the logs. More tomorrow."
)


def rules_of_the_house(session: Session, *, ciso: Identity, calendar: Calendar) -> None:
    """At the beginning: what medium vendors answer every year, and the cycle as the organisation wants it."""
    assert ciso.organisation is not None
    own = parse_json(_bytes(OWN_QUESTIONS))
    library.release(
        session, ciso.organisation.id, Import(own, "json", ()), now=calendar.ago(KNOWN, 5), actor=ciso
    )
    policy = policy_queries.in_force(session, ciso)
    medium = replace(
        policy.tiers["medium"], months=12, questionnaires=(*policy.tiers["medium"].questionnaires, ROUNDS)
    )
    stricter = replace(policy, tiers=MappingProxyType({**policy.tiers, "medium": medium}))
    policy_service.save(session, stricter, base=policy.sequence, actor=ciso, now=calendar.ago(KNOWN, 20))
    shipped = rules.current(session, ciso.organisation.id)
    rules_service.save(
        session,
        replace(shipped, triggers=MappingProxyType({**shipped.triggers, "tier": "reassess:45"})),
        base=shipped.sequence,
        actor=ciso,
        now=calendar.ago(KNOWN, 40),
    )


def parcels(
    session: Session,
    person: Person,
    found: tuple[Vendor, Contact],
    company: Company,
    owner: Person,
    *,
    ciso: Identity,
    admin: Identity,
    calendar: Calendar,
) -> Engagement:
    """A year of Quillon: answered twice, taken as it is in one point, one of its questionnaires retired since."""
    vendor, contact = found
    bought = vendors.create_engagement(
        session,
        vendor,
        name=PARCELS,
        description="Carries files and post between our eleven offices every night.",
        tier="medium",
        facts=FACTS,
        business_owner_id=owner.id,
        actor=ciso,
        now=calendar.ago(KNOWN - 2),
    )
    theirs = demo_story.at_work(person, company, CompanyRole.OWNER)
    lite = library.version(session, ciso, LITE, "1.0.0").content_hash
    rounds = library.version(session, ciso, ROUNDS, "1.0.0")
    # Medium: 35 days to answer and 10 to review, each from a working day; so long before its date one is opened.
    for content_hash, ago in (
        (rounds.content_hash, YEARLY - 45 + STUCK_FOR),
        (lite, YEARLY - 45 - OPENS_IN),
    ):
        made = issuing.issue(
            session,
            vendor,
            engagement_ids=[bought.id],
            content_hash=content_hash,
            due=calendar.today - timedelta(days=ago - 14),
            reason="You come into our houses at night, so we ask before you begin and every year.",
            contact=contact,
            actor=ciso,
            now=calendar.ago(ago + 10),
        )
        sealed = answer(session, made, actor=theirs, calendar=calendar, ago=ago)
        judged = reviews.case(session, ciso, sealed.id, lock=True)
        marking.write(
            session, judged, seen=judged.unwritten, actor=ciso, now=calendar.ago(ago - 6), finish=True
        )
    releasing.retire(session, rounds, actor=ciso, now=calendar.ago(STUCK_FOR + 20))
    _accept(session, bought, ciso=ciso, admin=admin, calendar=calendar)
    return bought


def _accept(
    session: Session, bought: Engagement, *, ciso: Identity, admin: Identity, calendar: Calendar
) -> None:
    """What failed is taken as it is until a day that comes soon."""
    found = case.read(session, ciso, bought.id, now=calendar.ago(80), lock=True)
    ground = accepting.open_to(found)[0]
    row = accepting.ask(
        session,
        found,
        ground.code,
        ground.subject,
        until=calendar.today + timedelta(days=26),
        reason=ACCEPTED,
        actor=ciso,
        now=calendar.ago(80, 10),
    )
    again = case.read(session, admin, bought.id, now=calendar.ago(79), lock=True)
    accepting.approve(session, again, row.id, actor=admin, now=calendar.ago(79, 30))


def campaign(
    session: Session, quillon: Identity, owner: Person, *, ciso: Identity, calendar: Calendar
) -> None:
    """One flaw, whoever carries parcels: one of the two has answered."""
    begun = calendar.ago(2)
    vendor = vendors.create_vendor(session, name=FERROW[0], country="SE", actor=ciso, now=calendar.ago(20))
    vendors.create_engagement(
        session,
        vendor,
        name="Parcels to customers",
        description="Brings what customers have left with us to their door.",
        tier="low",
        facts=demo_story.SURVEYS,
        business_owner_id=owner.id,
        actor=ciso,
        now=calendar.ago(20, 10),
    )
    name, address = FERROW[1]
    vendors.invite_contact(session, vendor, name=name, email=address, actor=ciso, now=calendar.ago(20, 15))
    flash = catalog.latest("vulnerability_flash")
    key = uuid.uuid4()
    wish = campaigns.Wish(
        "The log library",
        flash.content_hash,
        calendar.today + timedelta(days=2),
        time(18),
        REASON,
        "hours",
    )
    choice = Choice(Filter(words="parcels"))
    order = Order(key, wish.content_hash, flash.slug, wish.due, wish.reason)
    lines, _total = choosing.lines(session, ciso, choice, order, today=begun.date(), now=begun)
    row = campaigns.start(session, key, wish, choice.kept(), lines, actor=ciso, now=begun)
    running.ask_some(session, ciso, row.id, now=calendar.ago(2, 1))
    session.flush()
    mine = next(one for one in running.issued(session, ciso, row.id) if one.company_id is not None)
    answer(session, mine, actor=quillon, calendar=calendar, ago=1)


def incident(session: Session, payroll: Bought, *, calendar: Calendar) -> None:
    """Payroll tells of a breach, the day before the first start."""
    known = incident_queries.clients_of(session, payroll.owner)
    incidents.tell(
        session,
        known,
        kind="breach",
        happened=calendar.today - timedelta(days=2),
        words=OUTAGE,
        actor=payroll.owner,
        now=calendar.ago(1, 30),
    )


# ------------------------------------------------------------------------------------------------------------ answers


def answer(
    session: Session, made: Assessment, *, actor: Identity, calendar: Calendar, ago: int
) -> Submission:
    """Every question in a day, then the signature."""
    definition: Questionnaire = library.definition(session, made.content_hash)
    for at, section in enumerate(definition.sections):
        edits = [
            Edit(one.key, 0, _content(one, calendar.today - timedelta(days=ago))) for one in section.questions
        ]
        save_answers(session, made, section, edits, actor=actor, now=calendar.ago(ago, at))
    signed = Attestation(actor.person.name, "Owner", statement(actor))
    return submit(
        session,
        made,
        signed,
        actor=actor,
        now=calendar.ago(ago, 60),
        consequences=features.CONSEQUENCES,
    )


def _content(question: Question, day: date) -> Content:
    """What SAID has for it, else its best option; a document is promised within a month."""
    promise = ("We send it with the next parcel.", (day + timedelta(days=21)).isoformat())
    said = SAID.get(question.key)
    if said is None and question.type == "choice":
        said = max(question.options, key=lambda one: one.points or 0).value
    if said is None and question.type == "choices":
        said = [one.value for one in question.options if not one.exclusive]
    if said is None and question.type == "table":
        said = [
            {
                one.key: one.options[0].value if one.options else "sanna@quillon.example"
                for one in question.columns
            }
        ]
    if said is None:
        return Content("not_applicable", None, "Does not fit what we do.")
    return Content("answered", said, "", *(promise if question.evidence is not None else ()))


def _bytes(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document).encode()
