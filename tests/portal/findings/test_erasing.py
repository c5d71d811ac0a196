"""What was written about findings is destroyed with the answer, the vendor and time; codes, days and hashes stay."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from portal.assessments import showing
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import SYSTEM
from portal.erasure import destroying, findings, parting, retention
from portal.erasure.reaching import Destroyed
from portal.evidence import service as library
from portal.evidence.models import Evidence, ProofDocument
from portal.evidence.service import Described
from portal.evidence.sniffing import Sniffed
from portal.evidence.uploads import Stored
from portal.faults import Conflict
from portal.findings import closing, judging, keeping, queries, steps
from portal.findings.models import FindingClosing, FindingNote, FindingStep, FindingWords
from portal.organisations.models import Organisation
from tests.portal.findings.given import MFA, STEPS, Found
from tests.portal.world import NOW

pytestmark = pytest.mark.both_databases


def busy(given: Found) -> uuid.UUID:
    """Words of both sides, a note, a wish to close and a document at the knock-out; words at the other question."""
    one, other = given.one("knockout"), given.one("finding:", STEPS)
    given.plan(one)
    given.agree(one)
    with given.database.transaction(given.owner.scope) as session:
        stored = Stored(uuid.uuid4().hex, Sniffed("a.pdf", "application/pdf", 1, "1" * 64), "clean", NOW)
        document = library.add(session, stored, Described("policy", "Keys"), actor=given.owner, now=NOW).id
    given.prove(one, documents=[document])
    given.act(keeping.note, one, "Between ourselves.")
    given.act(closing.propose, one, "no_fault", reason="They use another way.")
    given.plan(other)
    return document


def left(given: Found) -> dict[str, int]:
    models: dict[str, Any] = {"words": FindingWords, "notes": FindingNote, "documents": ProofDocument}
    with given.database.looking(SYSTEM) as session:
        found = {
            name: int(session.scalar(select(func.count()).select_from(model)) or 0)
            for name, model in models.items()
        }
        reasons = select(func.count()).select_from(FindingClosing).where(FindingClosing.reason != "")
        return found | {"reasons": int(session.scalar(reasons) or 0)}


def destroy(given: Found, step: Any, *args: Any, **more: Any) -> Destroyed:
    found = Destroyed()
    with given.database.transaction(SYSTEM) as session:
        step(session, *args, found, now=NOW, **more)
        record(session, Kind.REDACTED, now=NOW, actor=None)
    return found


def test_redacting_an_answer_empties_what_quotes_it_and_nothing_else(given: Found) -> None:
    document = busy(given)
    assert left(given) == {"words": 3, "notes": 1, "documents": 1, "reasons": 1}
    found = destroy(given, destroying.answers, given.issued.assessment, {MFA})
    assert left(given) == {"words": 1, "notes": 0, "documents": 0, "reasons": 0}
    assert (found.counts["finding_words"], found.counts["proof_documents"]) == (4, 1)
    with given.database.looking(given.reviewer.scope) as session:
        steps = queries.steps(session, given.reviewer, given.one("knockout").id)
    assert [one.row.kind for one in steps] == ["opened", "plan", "agreed", "proof"]
    assert [one.removed for one in steps] == [False, False, False, True]
    assert json.loads(steps[-1].row.proof)[0][0] == str(document)
    assert given.one("knockout").state == "planned", "the fault is still there"


def test_a_document_that_left_the_library_loses_its_file_with_the_proof(given: Found) -> None:
    document = busy(given)

    with given.database.transaction(given.owner.scope) as session:
        showing.remove(session, document, actor=given.owner, now=NOW)
    destroy(given, destroying.answers, given.issued.assessment, {STEPS})
    with given.database.looking(SYSTEM) as session:
        assert session.get_one(Evidence, document).storage_key is not None
    destroy(given, destroying.answers, given.issued.assessment, {MFA})
    with given.database.looking(SYSTEM) as session:
        assert session.get_one(Evidence, document).storage_key is None


def test_a_vendor_that_leaves_ends_its_findings(given: Found) -> None:
    busy(given)
    destroy(given, parting.vendors, given.organisation.id, [given.issued.vendor], by=None)
    assert left(given) == {"words": 0, "notes": 0, "documents": 0, "reasons": 0}
    assert {(one.state, one.closed_how, one.waits) for one in given.all()} == {("closed", "gone", "")}
    assert {one.standing for one in given.links()} == {None}
    with given.database.looking(SYSTEM) as session:
        assert session.scalar(select(func.count()).select_from(FindingStep)) == 7


def test_time_takes_the_words_of_closed_findings_only(given: Found) -> None:
    busy(given)
    other = given.one("finding:", STEPS)
    given.act(closing.propose, other, "no_fault", reason="They train with us.")
    with given.database.transaction(SYSTEM) as session:
        findings.of_closed(session, [given.submission], Destroyed(), now=NOW)
        record(session, Kind.RETENTION_APPLIED, now=NOW, actor=None)
    assert left(given)["words"] == 2, "plan and proof of the knock-out, which stands"


def test_nothing_is_noted_at_a_finding_about_a_vendor_that_left(given: Found) -> None:
    one = given.one("knockout")
    destroy(given, parting.vendors, given.organisation.id, [given.issued.vendor], by=None)
    with pytest.raises(Conflict, match="has been offboarded"):
        given.act(keeping.note, one, "Between ourselves.")
    assert left(given)["notes"] == 0


@pytest.mark.parametrize("key", [MFA, STEPS])
def test_redacting_an_answer_follows_merged_findings_both_ways(given: Found, key: str) -> None:
    root, gone = given.one("finding:", STEPS), given.one("finding:")
    given.plan(gone)
    given.agree(gone)
    with given.database.transaction(given.reviewer.scope) as session:
        held = {each: steps.hold(session, given.reviewer, each) for each in sorted((root.id, gone.id))}
        keeping.merge(
            session, held[root.id], held[gone.id], seen=root.revision, actor=given.reviewer, now=NOW
        )
    given.plan(root)
    given.act(keeping.note, root, "Between ourselves.")
    assert (left(given)["words"], left(given)["notes"]) == (2, 1)
    destroy(given, destroying.answers, given.issued.assessment, {key})
    assert (left(given)["words"], left(given)["notes"]) == (0, 0)


def test_time_comes_back_to_what_was_closed_after_its_answers_had_gone(given: Found) -> None:
    """What stands when the answers go keeps its words, and loses them as long after it was closed."""
    busy(given)
    with given.database.transaction(SYSTEM) as session:
        session.execute(update(Organisation).values(keep_months=6))
        destroying.sealed(session, [given.submission], None, Destroyed(), NOW)
        record(session, Kind.SETTINGS_CHANGED, now=NOW, actor=None)
    closed_at = NOW + timedelta(days=400)
    assert retention.apply(given.database, now=closed_at) == 0, "all of it stands"
    one = given.one("knockout")
    given.act(judging.accept, one, text="Thank you.", now=closed_at)
    held = left(given)
    assert retention.apply(given.database, now=closed_at + timedelta(days=170)) == 0
    assert left(given) == held
    assert retention.apply(given.database, now=closed_at + timedelta(days=190)) == 1
    assert left(given) == {"words": 1, "notes": 0, "documents": 0, "reasons": 0}, "the other one stands"
    assert retention.apply(given.database, now=closed_at + timedelta(days=191)) == 0
