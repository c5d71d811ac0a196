"""Carried answers: their origin is read by an owner who agreed to carry them, and by nobody else, before and after."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest
from sqlalchemy import select

from portal.access import CompanyRole, OrganisationRole
from portal.assessments import consent, queries
from portal.assessments.models import AnswerRevision, Submission
from portal.db import SYSTEM, Database
from portal.web import Portal
from tests.guards.test_routes import routes
from tests.portal.assessments.given import Answering
from tests.portal.scene import Deal, Scene, fill, issue, make_vendor, newest_submission, seal, security_lite
from tests.portal.test_isolation import addresses, ids_of, leaks, said
from tests.portal.world import NOW, Browser, signed_in


def word(scene: Scene, what: str) -> str:
    return next(one for one in scene.canaries if one.startswith(f"kz{what}"))


def sealed_elsewhere(database: Database, scene: Scene) -> uuid.UUID:
    """What Kzcedar submitted to Kzbirch on the shipped questionnaire."""
    elsewhere = scene.deals[2].organisation.id
    with database.looking(SYSTEM) as session:
        statement = select(Submission.id).where(
            Submission.organisation_id == elsewhere, Submission.content_hash == security_lite().content_hash
        )
        return session.scalars(statement).one()


def sections(browser: Browser, deal: Deal, assessment: uuid.UUID) -> str:
    """Every page of the assessment on which answers of before are offered."""
    place = f"/c/{deal.company.slug}/assessments/{assessment}"
    pages = [f"{place}/sections/{one.key}" for one in security_lite().sections]
    return "\n".join(said(browser.get(path)) for path in [*pages, f"{place}/earlier", f"{place}/missing"])


def test_what_was_told_to_another_is_offered_to_owners_without_a_name(app: Portal, scene: Scene) -> None:
    deal = scene.deals[0]
    assert deal.drafted is not None
    origin = word(scene, "origin")
    for role, heard in ((CompanyRole.OWNER, True), (CompanyRole.CONTRIBUTOR, False)):
        text = sections(signed_in(app, deal.company[role]), deal, deal.drafted)
        assert (origin in text) is heard, role
        assert "another customer" in text or not heard
        assert "kzbirch" not in text, role
    link = Browser(app.test_client())
    door = f"/delegations/{deal.tokens['delegations']}"
    assert link.post(door, page=door).status_code == 303
    text = sections(link, deal, deal.drafted)
    assert security_lite().sections[0].questions[0].text.lower() in text
    assert origin not in text
    assert "kzbirch" not in text


@pytest.mark.both_databases
def test_what_was_carried_over_never_says_from_where(app: Portal, database: Database, scene: Scene) -> None:
    """An owner takes an answer over and signs: the organisation reads the answer, and nothing of where it was given."""
    deal, owner = scene.deals[0], scene.deals[0].company[CompanyRole.OWNER]
    source, hash_ = sealed_elsewhere(database, scene), security_lite().content_hash
    buyer = deal.organisation[OrganisationRole.ADMIN]
    vendor, engagement, _contact = make_vendor(
        database, buyer, deal.company, name="Cedar once more", engagement="A second archive"
    )
    asked = issue(database, buyer, vendor, engagement, hash_)
    with database.transaction(owner.scope) as session:
        consent.give(session, queries.assessment(session, owner, asked, lock=True), actor=owner, now=NOW)
    section = security_lite().sections[0]
    key = section.questions[0].key
    browser = Answering(signed_in(app, owner).client)
    path = f"/c/{deal.company.slug}/assessments/{asked}/sections/{section.key}"
    assert browser.send(path, {"confirm": f"{source}.{key}"}).status_code == 303
    with database.looking(SYSTEM) as session:
        taken = select(AnswerRevision.origin_submission).where(AnswerRevision.assessment_id == asked)
        assert session.scalars(taken).all() == [source]
    fill(database, owner, asked)
    seal(database, owner, asked)
    fresh = replace(
        deal,
        vendor=vendor,
        engagement=engagement,
        submitted=asked,
        submission=newest_submission(database, asked).id,
    )
    fresh.section_submitted = section.key
    origin = word(scene, "origin")
    wrong, heard = [], False
    for role in (OrganisationRole.ADMIN, OrganisationRole.REVIEWER):
        reader = signed_in(app, deal.organisation[role])
        for _route, rule, method in routes(app):
            if method != "GET" or "organisation" not in rule.arguments:
                continue
            for address in addresses(rule, ids_of(fresh, deal.organisation)):
                answer = reader.get(address)
                heard |= origin in said(answer)  # a note goes along with its answer: the consent says so
                found = [one for one in leaks(scene, deal.organisation, answer, address) if one != origin]
                if found:
                    wrong.append(f"{role.value} {address}: {found}")
    assert wrong == []
    assert heard
