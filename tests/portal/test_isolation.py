"""The walk over every URL, role and method with another tenant's ids: 404, and no canary of theirs (law 3)."""

from __future__ import annotations

import io
import re
import uuid
import zipfile
from collections.abc import Iterator
from email import message_from_bytes
from itertools import product
from typing import Any

import pytest
from pypdf import PdfReader
from sqlalchemy import select
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from portal.access import TABLE, CompanyRole, Identity, OrganisationRole, Permission
from portal.audit.models import Event
from portal.db import SYSTEM, Database, Scope
from portal.mail import mime
from portal.organisations.models import Organisation
from portal.outbox import Message, outgoing
from portal.settings import Settings
from portal.tables import metadata
from portal.vendors import queries as vendor_queries
from portal.vendors import service as vendor_service
from portal.web import Portal
from questionnaires.facts import INTERNAL_FACTS
from tests.conftest import FULL
from tests.guards.test_routes import ROUTES, routes
from tests.portal.scene import Deal, Scene, security_lite
from tests.portal.scene_counted import review_two
from tests.portal.scene_sso import proposal_of
from tests.portal.scene_views import saved_of
from tests.portal.scene_webhooks import delivery_of, webhook_of
from tests.portal.world import Browser, Place, signed_in

# Which roles walk: all of them in a soak; else those that read differently, of the second organisation the one that
# reads least. The permission table itself is walked for every role in tests/guards/test_routes.py.
WALKERS = (OrganisationRole.ADMIN, OrganisationRole.BUSINESS_OWNER, CompanyRole.OWNER)


def walkers(place: Place) -> list[tuple[OrganisationRole | CompanyRole, Identity]]:
    walking = WALKERS[1:] if place.name == "Kzbirch" else WALKERS
    return [(role, identity) for role, identity in place.people.items() if FULL or role in walking]


def helpers(place: Place) -> list[tuple[OrganisationRole | CompanyRole, Identity]]:
    return [(role, identity) for role, identity in place.people.items() if role is CompanyRole.CONTRIBUTOR]


def ids_of(deal: Deal, place: Place) -> dict[str, list[str]]:
    """What may stand in an address for each parameter: every value that the deal has."""
    person = next(iter(place.people.values())).person
    assert deal.contract is not None
    assert deal.gate is not None
    assert deal.cycle is not None
    return {
        "organisation": [deal.organisation.slug],
        "company": [deal.company.slug],
        "vendor": [str(deal.vendor)],
        "engagement": [str(deal.engagement), str(deal.opened)],
        "proposal": [*(str(one) for one in deal.proposals), str(deal.gate.proposal)],
        "decision": [str(deal.gate.decision)],
        "condition": [deal.gate.condition],
        "exception": [str(deal.gate.exception)],
        "intake": [str(deal.intake)],
        "listed": [str(deal.listed)],
        "item": [str(one) for one in deal.contract.items],
        "file": [str(deal.contract.file)],
        "waiver": [str(deal.contract.waiver)],
        "settlement": [str(deal.contract.settlement)],
        "key": [deal.contract.clause],
        "sequence": ["1"],
        "contact": [str(deal.contact)],
        "invitation": [str(deal.invitation)],
        "assessment": [str(deal.drafted), str(deal.submitted)],
        "submission": [str(deal.submission)],
        "finding": [str(one) for one in deal.findings],
        "campaign": [str(deal.cycle.campaign)],
        "trigger": [str(deal.cycle.trigger)],
        "letter": [str(deal.cycle.letter)],
        "feed": [str(deal.cycle.feed)],
        "scheduled": [str(deal.cycle.scheduled)],
        "incident": [str(one) for one in deal.cycle.incidents],
        "person": [str(person.id)],
        "enquiry": [str(deal.enquiry)],
        "erasure": [str(deal.erasure)],
        "certificate": [str(deal.certificate)],
        "rating": [str(uuid.uuid4())],  # read by tokens alone: tests/portal/api/test_walk.py
        "made": [str(deal.made)],
        "webhook": [str(webhook_of(deal.organisation))],
        "delivery": [str(delivery_of(deal.organisation))],
        "saved": [str(one) for one in saved_of(deal)],
        "login": [str(uuid.uuid4())],
        "passkey": [str(uuid.uuid4())],
        "client": [deal.organisation.slug],
        "sso_proposal": [str(proposal_of(deal.organisation))],
        "delegation": [str(deal.delegation)],
        "evidence": [str(deal.paper), str(deal.shelved)],
        "draft": [str(deal.writing)],
        "upload": [str(deal.upload)],
        "run": [str(deal.run)],
        "form": ["json", "toml", "xlsx", "vsaq"],
        "question": ["governance.owner"],
        "kind": ["more_time"],
        "what": ["extend"],
        "section": [deal.section, deal.section_submitted][: 2 if FULL else 1],
        "slug": [f"{deal.organisation.name}_{deal.company.name}".lower()],
        "version": ["1.0.0"],
        "token": ["x" * 43],
        "filename": ["style.css"],
    }


def addresses(rule: Rule, values: dict[str, list[str]]) -> Iterator[str]:
    """Every address of a route with these values; a parameter without one fails here."""
    names = sorted(rule.arguments)
    for chosen in product(*(values[name] for name in names)):
        path = rule.rule
        for name, value in zip(names, chosen, strict=True):
            path = re.sub(rf"<(\w+:)?{name}>", value, path)
        yield path


def strange_tokens(rule: Rule, deal: Deal) -> list[str]:
    """One that never was, and the live ones of this deal that are for other doors than this."""
    others = [token for door, token in sorted(deal.tokens.items()) if not rule.rule.startswith(f"/{door}/")]
    return ["x" * 43, *others]


def said(answer: TestResponse) -> str:
    """Everything that leaves: body, and headers such as Location and Set-Cookie."""
    return (
        words_in(answer.get_data()) + "\n" + "\n".join(f"{name}: {value}" for name, value in answer.headers)
    ).lower()


def words_in(data: bytes) -> str:
    """A body as text: of an archive, and of archives in it, names and texts; of a PDF its pages and what it says of
    itself; of anything else what can be read."""
    if data.startswith(b"PK\x03\x04"):  # a workbook is an archive too
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            return "\n".join([*names, *(words_in(archive.read(name)) for name in names)])
    if data.startswith(b"%PDF-"):
        pdf = PdfReader(io.BytesIO(data))
        # A word may be broken where a line ends.
        pages = [re.sub(r"\s*\n\s*", "", page.extract_text()) for page in pdf.pages]
        return "\n".join([*(page.extract_text() for page in pdf.pages), *pages, str(pdf.metadata)])
    return data.decode("utf-8", "replace")


def leaks(scene: Scene, reader: Place | None, answer: TestResponse, path: str) -> list[str]:
    """Canaries that the reader must not see, except what the address itself says."""
    text = said(answer)
    for spaced in (",", "\N{NO-BREAK SPACE}", "\N{NARROW NO-BREAK SPACE}", "\N{THIN SPACE}"):
        text = re.sub(rf"(?<=\d){spaced}(?=\d{{3}})", "", text)
    return [word for word in scene.forbidden(reader) if word in text and word not in path.lower()]


# Versions count from one everywhere, and everybody has the catalogue's requirements.
NOBODYS = {"organisation", "company", "sequence", "key"}


def foreign_deals(scene: Scene, place: Place) -> list[Deal]:
    """What others have with each other, nearest first: with a company or an organisation that this place works with."""
    near = {one.name for deal in scene.deals_of(place) for one in (deal.organisation, deal.company)}
    found = [deal for deal in scene.deals if place not in (deal.organisation, deal.company)]
    found.sort(key=lambda deal: not near & {deal.organisation.name, deal.company.name})
    return found if FULL else found[:1]


def test_the_canaries_sing_where_they_may(app: Portal, database: Database, scene: Scene) -> None:
    """The walk below proves nothing unless canaries are on pages at all: each is read somewhere by someone."""
    walked = [scene.places[name] for name in ("Kzalder", "Kzbirch", "Kzcedar")]
    here = {one.name for one in walked}
    silent = {word for word, readers in scene.canaries.items() if readers & here}
    with database.looking(SYSTEM) as session:  # letters are read by whom they were sent to
        texts = [" ".join(session.scalars(select(Message.text))).lower()]
    for place in walked:
        if place.side == "organisation":
            texts.append(asked_for(app, scene, place))
            texts.append(said(signed_in(app, place[OrganisationRole.CISO]).get("/account/calendar")))
    for text in texts:
        silent = {word for word in silent if word not in text}
    sections = [one.key for one in security_lite().sections]
    readers = [
        (place, one) for place in walked for _role, one in [*place.people.items()][:1] + helpers(place)
    ]
    for place, identity in readers:
        browser = signed_in(app, identity)
        for deal in scene.deals_of(place):
            values = ids_of(deal, place) | {"section": sections, "form": ["json"]}
            for _name, rule, method in routes(app):
                if method == "GET" and place.side in rule.arguments:
                    for path in addresses(rule, values):
                        # What is heard already need not be heard again: nobody else here could hear anything new.
                        if any(place.name in scene.canaries[word] for word in silent):
                            text = said(browser.get(path))
                            silent = {word for word in silent if word not in text}
    assert silent == set()


def asked_for(app: Portal, scene: Scene, place: Place) -> str:
    """What only who asks for it sees: one's own kept filters, and each firm that vendors depend on."""
    browser = signed_in(app, place[OrganisationRole.CISO])
    firms = [
        word for word in scene.canaries if word.startswith("kzparty") and place.name in scene.canaries[word]
    ]
    pages = [f"/o/{place.slug}/engagements"]
    pages += [f"/o/{place.slug}/portfolio/fourth-parties/engagements?name={firm}" for firm in firms]
    return "".join(said(browser.get(page)) for page in pages)


@pytest.mark.parametrize("name", ["Kzalder", "Kzbirch", "Kzcedar", "Kzdogwood", "Kzelder"])
def test_no_url_role_or_method_gives_what_is_another_tenants(app: Portal, scene: Scene, name: str) -> None:
    """Own slug with foreign ids, and foreign slug with foreign ids, for every role."""
    place = scene.places[name]
    wrong: list[str] = []
    for role, identity in walkers(place):
        browser = signed_in(app, identity)
        token = browser.token()
        for deal in foreign_deals(scene, place):
            theirs = ids_of(deal, deal.organisation) | {"person": _people(deal)}
            for route, rule, method in routes(app):
                permission = ROUTES[route]
                if not rule.arguments or rule.endpoint == "static":
                    continue
                own = theirs | {place.side: [place.slug]}
                for mixed in (own, theirs):
                    if set(rule.arguments) <= NOBODYS and mixed is own:
                        continue  # no id of theirs in it; walked below
                    for path in addresses(rule, mixed | {"token": strange_tokens(rule, deal)}):
                        answer = browser.client.open(
                            path, method=method, data={"csrf_token": token} if method == "POST" else None
                        )
                        here = mixed is own and place.side in rule.arguments
                        granted = (
                            permission is None
                            or TABLE[permission] is None
                            or role in (TABLE[permission] or ())
                        )
                        wanted = 404 if granted or not here else 403
                        if rule.endpoint == "library.preview" and not here:
                            wanted = 404
                        if getattr(app.view_functions[rule.endpoint], "by_token", False):
                            wanted = 401  # no cookie opens it
                        if answer.status_code != wanted:
                            wrong.append(f"{role.value} {method} {path}: {answer.status_code}, not {wanted}")
                        if found := leaks(scene, place, answer, path):
                            wrong.append(f"{role.value} {method} {path}: leaks {found}")
    assert wrong == []


def _people(deal: Deal) -> list[str]:
    return [str(next(iter(one.people.values())).person.id) for one in (deal.organisation, deal.company)]


@pytest.mark.parametrize("name", ["Kzalder", "Kzbirch", "Kzcedar", "Kzdogwood", "Kzelder"])
def test_own_pages_hold_nothing_of_others(app: Portal, scene: Scene, name: str) -> None:
    """Lists, searches, sorts, counts, drafts and internal facts: each page of one's own, in every role."""
    place = scene.places[name]
    wrong: list[str] = []
    for role, identity in walkers(place):
        browser = signed_in(app, identity)
        for number, deal in enumerate(scene.deals_of(place)):
            for route, rule, method in routes(app):
                if method != "GET" or rule.endpoint == "static":
                    continue
                if number and not set(rule.arguments) - {"organisation", "company"}:
                    continue  # the same page whatever the deal
                for path in addresses(rule, ids_of(deal, place)):
                    for query in _queries_of(rule, scene, place):
                        answer = browser.get(path + query)
                        if answer.status_code >= 500 and rule.endpoint != "health.healthz":
                            wrong.append(f"{role.value} {path}{query}: {answer.status_code}")
                        if found := leaks(scene, place, answer, path + query):
                            wrong.append(f"{role.value} {route} {path}{query}: leaks {found}")
    assert wrong == []


LISTS = frozenset(
    [
        "vendors.overview",
        "vendors.vendor_list",
        "assessments.assessment_list",
        "vendors.vendors_csv",
        "assessments.assessments_csv",
        "contacts.contact_list",
        "contacts.contacts_csv",
        "engagements.engagement_list",
        "engagements.engagements_csv",
        "events.of_organisation",
        "events.organisation_csv",
        "events.organisation_json",
        "events.of_company",
        "events.company_csv",
        "events.company_json",
        "asked.enquiry_list",
        "asked.enquiry_csv",
        "vendors.vendors_xlsx",
        "engagements.engagements_xlsx",
        "portfolio.home",
        *(
            f"portfolio.{one}_{kind}"
            for one in ("changes", "conditions", "exceptions")
            for kind in ("list", "csv")
        ),
        "search.page",
        "search.as_csv",
        "portfolio.fourth_parties",
        "portfolio.fourth_parties_csv",
        "portfolio.fourth_party",
        "portfolio.fourth_party_csv",
        "findings.list_page",
        "findings.list_csv",
        "gate.list_page",
        "gate.list_csv",
        "reassessment.schedule",
        "letters.list_page",
        "calendar.page",
        "triggers.list_page",
        "ending.list_page",
        "incidents.list_page",
        "told.list_page",
        "campaigns.list_page",
        "campaigns.new",
        "library.library_list",
        "answering.home",
        "organisations.members",
        "team.colleagues",
    ]
)


REPORTS = frozenset(["reports.portfolio", "reports.vendor"])  # each is long: one query that a report reads


def _queries_of(rule: Rule, scene: Scene, place: Place) -> list[str]:
    if rule.endpoint in LISTS:
        return _queries(scene, place)
    return _queries(scene, place)[2:3] if rule.endpoint in REPORTS else [""]


def _queries(scene: Scene, place: Place) -> list[str]:
    """Filters, sorts and searches that try to reach over the fence."""
    other = foreign_deals(scene, place)[0]
    owner = other.organisation[OrganisationRole.BUSINESS_OWNER].person.id
    return [
        "",
        f"?year=2027&month=3&kind=evidence&owner={owner}&until=365&state=settled&tab=answers",
        f"?q={scene.forbidden(place)[0]}&search=kz&page=2&name={_firm(scene, other.organisation)}",
        f"?sort=name&order=desc&vendor={other.vendor}&organisation={other.organisation.id}"
        f"&owner={owner}&name={_firm(scene, place)}&since=2026-01-01",
        f"?state=open&company={other.company.id}&engagement={other.engagement}&assessment={other.drafted}",
        "?view=open&period=all&page=999999&sort=%27%3B--&tier=critical",
    ]


def _firm(scene: Scene, place: Place) -> str:
    """A firm that a vendor of this place names, so that the page of one firm is drawn at all."""
    found = (one for one in scene.canaries if one.startswith("kzparty") and place.name in scene.canaries[one])
    return next(found, "kzparty")


def test_somebody_without_a_tenant_or_a_session_sees_nothing(app: Portal, scene: Scene) -> None:
    wrong = []
    browser = Browser(app.test_client())
    token = browser.token("/sign-in")
    for deal in scene.deals:
        for route, rule, method in routes(app):
            values = ids_of(deal, deal.organisation) | {"token": strange_tokens(rule, deal)}
            for path in addresses(rule, values):
                answer = browser.client.open(
                    path, method=method, data={"csrf_token": token} if method == "POST" else None
                )
                if ROUTES[route] is not None and answer.status_code not in (303, 401):
                    wrong.append(f"{method} {path}: {answer.status_code}")
                if found := leaks(scene, None, answer, path):
                    wrong.append(f"{method} {path}: leaks {found}")
    assert wrong == []


@pytest.mark.parametrize("name", ["Kzalder", "Kzbirch", "Kzcedar", "Kzdogwood", "Kzelder"])
def test_foreign_ids_in_the_fields_of_own_forms_change_nothing_of_theirs(
    app: Portal, database: Database, scene: Scene, name: str
) -> None:
    """Each form of one's own, with every id in it replaced by another tenant's."""
    place = scene.places[name]
    identity = next(iter(place.people.values()))
    browser = signed_in(app, identity)
    other = foreign_deals(scene, place)[0]
    before = _rows_of_others(database, place)
    tried = 0
    for deal in scene.deals_of(place):
        for _route, rule, method in routes(app):
            if method != "POST" or place.side not in rule.arguments:
                continue
            for path in addresses(rule, ids_of(deal, place)):
                page = browser.get(path)
                fields = _fields(page.text) if page.status_code == 200 else {}
                poisoned = _poisoned(fields, other) | {"csrf_token": browser.token()}
                answer = browser.client.post(path, data=poisoned)
                assert answer.status_code < 500, path
                assert leaks(scene, place, answer, path) == [], path
                tried += 1
    assert tried > 3
    assert _rows_of_others(database, place) == before


def _fields(html: str) -> dict[str, Any]:
    """The fields of every form of a page, with their present values."""
    found: dict[str, Any] = {}
    for tag in re.findall(r"<(?:input|textarea|select|option|button)\b[^>]*>", html):
        name, value = re.search(r'\bname="([^"]*)"', tag), re.search(r'\bvalue="([^"]*)"', tag)
        if name:
            found[name.group(1)] = value.group(1) if value else "Typed"
    return found


UUID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


def _poisoned(fields: dict[str, Any], other: Deal) -> dict[str, Any]:
    foreign = {
        "vendor": other.vendor,
        "engagement": other.engagement,
        "engagements": other.engagement,
        "contact": other.contact,
        "business_owner": other.organisation[OrganisationRole.BUSINESS_OWNER].person.id,
        "organisation_id": other.organisation.id,
        "company_id": other.company.id,
        "company": other.company.id,
        "vendor_id": other.vendor,
        "assessment": other.submitted,
        "pick": other.vendor,
        "known": other.contract.file if other.contract else None,
        "was_email": "",
    }
    changed = {
        name: str(foreign.get(name, other.engagement)) if UUID.match(str(value)) else value
        for name, value in fields.items()
    }
    return changed | {name: str(value) for name, value in foreign.items()}


def _rows_of_others(database: Database, place: Place) -> dict[str, list[Any]]:
    """Every row of a tenant's table that is not this tenant's at all."""
    found = {}
    with database.looking(SYSTEM) as session:
        for name, table in metadata.tables.items():
            if table.info["tenancy"] == "global" or name == "event":
                continue
            rows = session.execute(select(table)).mappings().all()
            found[name] = sorted(
                (
                    str(dict(row))
                    for row in rows
                    if place.id not in (row.get("organisation_id"), row.get("company_id"), row.get("id"))
                ),
            )
    return found


def test_letters_tell_only_what_their_reader_may_know(
    database: Database, settings: Settings, scene: Scene
) -> None:
    """Every letter of the scene, subject, headers and both bodies, against the reader's canaries."""
    owners = {one.person.email: place for place in scene.places.values() for one in place.people.values()}
    with database.looking(SYSTEM) as session:
        letters = session.scalars(select(Message)).all()
    assert len(letters) > 12
    for letter in letters:
        reader = owners.get(letter.recipient)
        if letter.kind == "delegation_link":  # whoever the company asks for help reads what it says to them
            reader = next(one for one in scene.places.values() if one.id == letter.company_id)
        parsed = message_from_bytes(bytes(mime(settings, outgoing(letter))))
        text = " ".join(
            [
                letter.subject,
                letter.text,
                letter.html,
                letter.sender_name,
                letter.reply_to or "",
                str(parsed["From"]),
            ]
        ).lower()
        found = [word for word in scene.forbidden(reader) if word in text]
        if letter.kind in (
            "invitation_vendor",
            "assessment_issued",
        ):  # to the vendor itself, by the name it has there
            found = [word for word in found if not word.startswith("kzvendor")]
        if reader is None:  # a contact who has not come yet reads who writes, about what, and their own name
            assert letter.kind == "invitation_vendor"
            assert letter.organisation_id is not None
            mine = {_name_of(database, letter.organisation_id), letter.recipient.split("@")[0]}
            found = [word for word in found if word not in mine]
        assert found == [], f"{letter.kind} to {letter.recipient}"


def _name_of(database: Database, organisation_id: Any) -> str:
    with database.looking(SYSTEM) as session:
        return (
            session.scalars(select(Organisation.name).where(Organisation.id == organisation_id)).one().lower()
        )


def test_an_organisation_never_sees_a_draft(app: Portal, scene: Scene) -> None:
    """Only progress: neither pages nor exports hold a word of the draft, its promises or its conflicts."""
    for deal in scene.deals:
        drafts = [
            word for word in scene.canaries if re.match(r"kz(draft|promise|stale|given|linked|aword)", word)
        ]
        for _role, identity in walkers(deal.organisation):
            browser = signed_in(app, identity)
            base = f"/o/{deal.organisation.slug}/assessments/{deal.drafted}"
            for path in ("", "/answers", "/result", "/result.json"):
                answer = browser.get(base + path)
                assert answer.status_code in ((200,) if not path else (200, 303, 404)), path
                assert [word for word in drafts if word in said(answer)] == []


def test_a_company_never_sees_internal_facts(app: Portal, scene: Scene) -> None:
    internal = {name.removeprefix("engagement.") for name in INTERNAL_FACTS}
    for deal in scene.deals:
        browser = signed_in(app, deal.company[CompanyRole.OWNER])
        base = f"/c/{deal.company.slug}/assessments/{deal.submitted}"
        for path in (
            "",
            "/answers",
            "/result",
            "/result.json",
            "/receipt",
            "/questions",
            "/submit",
            "/missing",
        ):
            answer = browser.get(base + path)
            assert answer.status_code < 500
            text = said(answer)
            assert deal.spend not in text
            if path == "/result.json" and answer.status_code == 200:
                facts = (answer.json or {}).get("facts", {})
                assert not {name.removeprefix("engagement.") for name in facts} & internal


def test_a_business_owner_sees_only_engagements_of_theirs(
    app: Portal, database: Database, settings: Settings, scene: Scene
) -> None:
    """Owned by somebody else, an engagement and all that hangs on it is not found."""
    deal = scene.deals[0]
    place = deal.organisation
    admin = signed_in(app, place[OrganisationRole.ADMIN])
    with database.transaction(Scope(organisation_id=place.id)) as session:
        row = vendor_queries.engagement(session, place[OrganisationRole.ADMIN], deal.engagement)
        vendor_service.change_engagement(
            session,
            row,
            name=row.name,
            description=row.description,
            tier=row.tier,
            facts=row.facts,
            business_owner_id=None,
            revision=row.revision,
            actor=place[OrganisationRole.ADMIN],
            now=row.created_at,
        )
    browser = signed_in(app, place[OrganisationRole.BUSINESS_OWNER])
    hidden = [word for word, readers in scene.canaries.items() if readers == {place.name, deal.company.name}]
    vendor_page = admin.get(f"/o/{place.slug}/vendors/{deal.vendor}").text.lower()
    hidden += [word for word in scene.canaries if word.startswith("kzvendor") and word in vendor_page]
    names = (place.name.lower(), deal.company.name.lower())
    hidden = [
        word
        for word in hidden
        if word not in names and "_" not in word and not word.startswith(("kzquestion", "kztitle"))
    ]  # questionnaires are every member's to read
    for name, rule, method in routes(app):
        if method != "GET" or "organisation" not in rule.arguments:
            continue
        if rule.endpoint.startswith(("library.", "organisations.", "policy.")):
            continue
        theirs = ROUTES[name] is Permission.SEE_QUESTIONNAIRES  # versions to compare and to save
        for path in addresses(rule, ids_of(deal, place)):
            answer = browser.get(path)
            if set(rule.arguments) - NOBODYS and not theirs:
                assert answer.status_code in (403, 404), path
            assert [word for word in hidden if word in said(answer)] == [], path


def test_a_count_of_reviews_tells_a_business_owner_of_none_but_theirs(
    app: Portal, database: Database, scene: Scene
) -> None:
    """That the same was answered of an engagement of somebody else is nobody's to count."""
    deal = scene.deals[0]
    path = f"/o/{deal.organisation.slug}/assessments/{review_two(database, deal)}/answers"
    for role in (OrganisationRole.BUSINESS_OWNER, OrganisationRole.ADMIN):
        page = signed_in(app, deal.organisation[role]).get(path).text
        assert "Unchanged since the review before this one." in page
        assert "Unchanged for" not in page


def test_refused_access_is_on_record(app: Portal, database: Database, scene: Scene) -> None:
    place = scene.places["Kzalder"]
    browser = signed_in(app, place[OrganisationRole.AUDITOR])
    assert browser.get(f"/o/{place.slug}/vendors/new").status_code == 403
    with database.looking(SYSTEM) as session:
        event = session.scalars(select(Event).where(Event.kind == "access.refused")).one()
    assert event.data == {"endpoint": "vendors.new_vendor"}
