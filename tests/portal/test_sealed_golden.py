"""What was sealed and rated once proves and rates the same for ever: seals and ratings of earlier days, as files."""

from __future__ import annotations

import json
import tomllib
from datetime import date
from hashlib import sha256
from types import SimpleNamespace

import pytest

from portal.assessments import rating, sealing
from questionnaires import catalog
from tests.portal.sealed_golden import KEPT, LISTED, labels, read


def test_none_was_made_again_and_none_is_missing() -> None:
    """A released version without a file fails here: make it once, keep it, and never make it again."""
    listed = tomllib.loads(LISTED.read_text())
    assert {path.name: sha256(path.read_bytes()).hexdigest() for path in KEPT.iterdir()} == listed
    assert {f"{label}.json" for label in labels()} == listed.keys()


@pytest.mark.parametrize("label", labels())
def test_the_seal_still_holds_and_one_changed_byte_is_noticed(label: str) -> None:
    kept = read(KEPT / f"{label}.json")
    assert catalog.get(label).content_hash == kept.content_hash
    assert len(kept.answers) > 3
    proof = sealing.verify(kept, kept.answers, kept.attestation, kept.documents)
    assert proof == sealing.Proof(sound=True)
    forged = [SimpleNamespace(**{**vars(kept.answers[0]), "answer": kept.answers[0].answer + b" "})]
    assert sealing.verify(kept, forged + kept.answers[1:], kept.attestation, kept.documents).broken == (
        kept.answers[0].key,
    )


@pytest.mark.parametrize("label", labels())
def test_each_rating_is_computed_to_the_same_bytes(label: str) -> None:
    kept, definition = read(KEPT / f"{label}.json"), catalog.get(label)
    beside: dict[str, tuple[sealing.Document, ...]] = {}
    for paper in kept.documents:
        beside[paper.key] = (*beside.get(paper.key, ()), sealing.document(paper.document))
    sealed = {one.key: one.answer for one in kept.answers}
    assert len(kept.ratings) == 2  # as it was signed, and with a reviewer's marks
    assert kept.ratings[1].marks
    for one in kept.ratings:
        day = date.fromisoformat(one.as_of)
        answers = sealing.typed_answers(definition, sealed, day, beside)
        judged_as = rating.judgement(one.marks, one.document_marks, one.shown)
        found = rating.compute(definition, answers, one.facts, day, judged_as, beside)
        assert found.to_bytes() == one.result.encode()
        assert json.loads(one.result)["band"] == one.band
