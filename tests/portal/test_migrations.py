"""An installation of the first revision, with everything in it, is brought to the present one and still verifies."""

from __future__ import annotations

import json
import uuid
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from portal import schema, verifying
from portal.assessments import rating, sealing
from portal.assessments.models import Delegation, Submission
from portal.contracts.models import Evaluation, EvaluationReasons
from portal.db import SYSTEM, Database, UtcDateTime
from portal.organisations.models import Organisation, OrganisationMember
from portal.organisations.sso_models import SsoConnection, SsoIdentity
from portal.settings import Settings
from portal.tables import metadata
from portal.vendors.models import Contact
from portal.webhooks import signing
from portal.webhooks.models import Webhook
from questionnaires import catalog
from questionnaires.canonical import canonical_bytes, canonical_json
from tests.portal.scene import plain_value
from tests.portal.world import NOW

AS_OF = date(2026, 11, 20)
FACTS = {"engagement.tier": "high", "engagement.service": "A description in somebody's words"}
IDS = {name: uuid.uuid5(uuid.NAMESPACE_URL, name) for name in (
    "organisation", "company", "owner", "helper", "buyer", "vendor", "engagement", "contact", "assessment",
    "submission", "rating", "evaluation",
)}  # fmt: skip


GONE: dict[str, Any] = {"made": sa.Boolean(), "old_secret": sa.LargeBinary(), "old_until": UtcDateTime()}


class Old:
    """Inserts rows into tables as the first revision has them."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection
        self.inspector = sa.inspect(connection)

    def __call__(self, name: str, /, **values: Any) -> None:
        there = {one["name"] for one in self.inspector.get_columns(name)}
        assert set(values) <= there, set(values) - there
        columns = [sa.column(one.name, one.type) for one in metadata.tables[name].c if one.name in there]
        columns += [sa.column(gone, GONE[gone]) for gone in set(values) & set(GONE)]
        self.connection.execute(sa.insert(sa.table(name, *columns)).values(**values))


def _people(put: Old) -> None:
    for who in ("owner", "helper", "buyer"):
        put(
            "person", id=IDS[who], email=f"{who}@x.example", address=f"{who}@x.example", name=who,
            password_hash=None, confirmed_at=NOW, created_at=NOW,
        )  # fmt: skip
    put(
        "organisation", id=IDS["organisation"], slug="alder-1", name="Alder", zone="Europe/Lisbon", currency="EUR",
        regimes=[], months_critical=12, months_high=12, months_medium=24, months_low=36, vendor_sees="band",
        revision=1, created_at=NOW,
    )  # fmt: skip
    put("company", id=IDS["company"], slug="cedar-1", name="Cedar", created_at=NOW)
    put(
        "organisation_member", id=uuid.uuid4(), organisation_id=IDS["organisation"], person_id=IDS["buyer"],
        role="admin", created_at=NOW,
    )  # fmt: skip
    for who, role in (("owner", "owner"), ("helper", "contributor")):
        put(
            "company_member", id=uuid.uuid4(), company_id=IDS["company"], person_id=IDS[who], role=role,
            created_at=NOW,
        )  # fmt: skip


def _bought(put: Old) -> None:
    put(
        "vendor", id=IDS["vendor"], organisation_id=IDS["organisation"], company_id=IDS["company"], name="Cedar",
        name_key="cedar", country=None, revision=1, created_at=NOW,
    )  # fmt: skip
    put(
        "contact", id=IDS["contact"], organisation_id=IDS["organisation"], vendor_id=IDS["vendor"],
        name="Ｚoë  Straße", email="zoe@x.example", created_at=NOW,
    )  # fmt: skip
    put(
        "engagement", id=IDS["engagement"], organisation_id=IDS["organisation"], vendor_id=IDS["vendor"],
        name="Payroll", name_key="payroll", description="", tier="high", facts={}, business_owner_id=None,
        revision=1, created_at=NOW,
    )  # fmt: skip


def _sealed(put: Old) -> None:
    definition = catalog.latest("security_lite")
    put(
        "definition", content_hash=definition.content_hash, canonical=canonical_bytes(definition),
        stored_at=NOW,
    )  # fmt: skip
    both = {"organisation_id": IDS["organisation"], "company_id": IDS["company"]}
    put(
        "assessment", id=IDS["assessment"], **both, vendor_id=IDS["vendor"], content_hash=definition.content_hash,
        slug=definition.slug, version=definition.version, title=definition.title, subject="Payroll", reason="",
        facts=FACTS, zone="Europe/Lisbon", due=AS_OF, state="submitted", round=1, answered=1, total=1, issued_at=NOW,
        issued_by=IDS["buyer"], contact_email=None, submitted_at=NOW,
    )  # fmt: skip
    put("assessment_engagement", assessment_id=IDS["assessment"], engagement_id=IDS["engagement"], **both)
    question = next(
        one for one in definition.questions.values() if one.type == "choice" and not one.visible_when
    )
    sealed = {question.key: sealing.seal({"state": "answered", "note": "", "value": plain_value(question)})}
    signed = sealing.seal({"name": "Ada", "role": "Director", "statement": "True."})
    listed = sealing.commitments(sealed)
    put(
        "submission", id=IDS["submission"], **both, assessment_id=IDS["assessment"], round=1,
        content_hash=definition.content_hash, as_of=AS_OF, commitments=listed,
        attestation_commitment=signed.commitment,
        submission_hash=sealing.submission_hash(listed, signed.commitment), sealed_at=NOW, sealed_by=IDS["owner"],
    )  # fmt: skip
    place = {"submission_id": IDS["submission"], **both}
    for key, one in sealed.items():
        put("sealed_answer", **place, key=key, salt=one.salt, answer=one.data)
    put("sealed_attestation", **place, salt=signed.salt, attestation=signed.data)
    answers = sealing.typed_answers(definition, {key: one.data for key, one in sealed.items()}, AS_OF)
    result = rating.compute(definition, answers, FACTS, AS_OF)
    put(
        "rating", id=IDS["rating"], **both, submission_id=IDS["submission"], sequence=1, method=result.method,
        content_hash=definition.content_hash, as_of=AS_OF, facts=FACTS, marks={}, band=result.band,
        best_band=result.best_band, result=result.to_bytes(), rated_at=NOW, rated_by=IDS["owner"],
    )  # fmt: skip
    put("requirement_catalogue", catalogue_hash="0" * 64, canonical=b"[]", stored_at=NOW)
    outcome = {"key": "a.b", "revision": 1, "severity": "must", "outcome": "required", "decided_by": [],
               "would_settle": [], "reason": "Because it says 'No'.", "reason_vendor": "Because."}  # fmt: skip
    put(
        "evaluation", id=IDS["evaluation"], **both, engagement_id=IDS["engagement"], sequence=1,
        catalogue_hash="0" * 64, facts=FACTS, submissions=[str(IDS["submission"])],
        outcomes=canonical_json([outcome]), evaluated_at=NOW,
    )  # fmt: skip


@pytest.mark.both_databases
def test_the_first_revision_with_data_is_upgraded(database: Database, settings: Settings) -> None:
    schema.downgrade(database, "base")
    schema.upgrade(database, "0001")
    with database.writing.begin() as connection:
        put = Old(connection)
        _people(put)
        _bought(put)
        _sealed(put)
    schema.upgrade(database)
    schema.require_current(database)
    with database.looking(SYSTEM) as session:
        assert session.scalars(sa.select(Contact.name_key)).one() == "zoë strasse"
        assert session.scalars(sa.select(Submission.evidence)).one() == b"[]"
        organisation = session.scalars(sa.select(Organisation)).one()
        assert (organisation.colour, organisation.second_factor, organisation.keep_months) == (
            "slate",
            False,
            None,
        )
        (given,) = session.scalars(sa.select(Delegation))
        assert (given.person_id, given.assessment_id) == (IDS["helper"], IDS["assessment"])
        assert given.keys == ["*"], "contributors keep what they saw"
        assert b"No" not in session.scalars(sa.select(Evaluation.outcomes)).one()
        said = json.loads(session.scalars(sa.select(EvaluationReasons.reasons)).one())
        assert said == {"a.b": ["Because it says 'No'.", "Because."]}
    found = verifying.verify(settings, database, recompute=True)
    assert found.faults == []
    assert (found.submissions, found.ratings) == (1, 1)


@pytest.mark.both_databases
def test_who_came_by_a_provider_and_what_signs_is_known_after_the_upgrade(database: Database) -> None:
    schema.downgrade(database, "base")
    schema.upgrade(database, "0022")
    at, until = {"organisation_id": IDS["organisation"]}, NOW + timedelta(hours=3)
    with database.writing.begin() as connection:
        put = Old(connection)
        _people(put)
        put(
            "organisation_member", id=uuid.uuid4(), **at, person_id=IDS["helper"], role="reviewer", created_at=NOW,
        )  # fmt: skip
        put(
            "sso_connection", id=uuid.uuid4(), **at, issuer="https://id.x.example", known_as="portal", secret=None,
            groups_claim="groups", roles={}, default_role="", trusts_factor=True, creates=True, state="on",
            proposed_by=IDS["buyer"], approved_by=IDS["buyer"], since=NOW,
        )  # fmt: skip
        for who, made in (("buyer", False), ("helper", True)):
            put(
                "sso_identity", id=uuid.uuid4(), **at, issuer="https://id.x.example", subject=who,
                person_id=IDS[who], since=NOW, made=made,
            )  # fmt: skip
        for url, old in (("https://a.example", b"\x01old"), ("https://b.example", None)):
            put(
                "webhook", id=uuid.uuid4(), **at, url=url, kinds=[], secret=b"new", old_secret=old,
                old_until=old and until, state="on", created_by=IDS["buyer"], created_at=NOW, failures=0,
            )  # fmt: skip
    schema.upgrade(database)
    with database.looking(SYSTEM) as session:
        members = session.execute(sa.select(OrganisationMember.person_id, OrganisationMember.by_provider))
        assert {row[0]: row[1] for row in members} == {IDS["buyer"]: False, IDS["helper"]: True}
        assert session.scalars(sa.select(SsoIdentity.came_at)).all() == [NOW, NOW]
        assert session.scalars(sa.select(SsoConnection.required)).all() == [False]
        hooks = {one.url: one.old_secrets for one in session.scalars(sa.select(Webhook))}
        assert signing.holding(hooks["https://a.example"], until - timedelta(minutes=1)) == [b"\x01old"]
        assert signing.holding(hooks["https://a.example"], until) == hooks["https://b.example"] == []
    schema.downgrade(database, "0022")
    with database.reading.connect() as connection:
        said = sa.table("sso_identity", sa.column("person_id", sa.Uuid()), sa.column("made", sa.Boolean()))
        assert {row.person_id: row.made for row in connection.execute(sa.select(said))} == {
            IDS["buyer"]: False,
            IDS["helper"]: True,
        }
