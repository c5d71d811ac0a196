"""Laws of a round of chosen questions, over random definitions: it can be finished, and nothing else changes."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from random import Random

from hypothesis import given

from portal.assessments import sealing
from portal.assessments.drafts import EMPTY, Content, Draft, Gap
from portal.assessments.returned import BESIDE, CHOSEN, Returned, Standing, Whole
from portal.evidence.models import Evidence, EvidenceGrant
from portal.evidence.queries import Beside
from questionnaires.answers import raw_value
from questionnaires.canonical import canonical_json
from questionnaires.definition import Question, Questionnaire
from tests.questionnaires.made_up import RANDOM, TODAY, random_definition, random_facts, random_value

BEFORE = TODAY - timedelta(days=200)
Documents = dict[str, tuple[Beside, ...]]


def value(rnd: Random, question: Question, today: date) -> Content:
    """A card that can be submitted."""
    if question.allow_na and rnd.random() < 0.2:
        return Content("not_applicable", None, "We have none.")
    raw = raw_value(question, random_value(rnd, question, today))
    return Content("answered", raw, "", "It comes later." if question.evidence else "")


def mended(rnd: Random, draft: Draft, gap: Gap) -> Content:
    question, content = draft.definition.questions[gap.key], draft.contents.get(gap.key, EMPTY)
    if gap.kind in ("promise", "promise_past"):
        return replace(content, promise_reason="It comes later.", promise_date="")
    assert gap.kind in ("unanswered", "outdated"), gap
    return value(rnd, question, draft.as_of)


def finished(rnd: Random, draft: Draft) -> Draft:
    """The draft with every gap closed, as somebody would who does what the page asks for."""
    for _ in range(len(draft.definition.questions) + 2):
        if not draft.gaps:
            return draft
        if draft.asked is not None:
            assert {gap.key for gap in draft.gaps} <= draft.asked.keys(), "a gap that nobody can close"
        draft = draft.with_contents({gap.key: mended(rnd, draft, gap) for gap in draft.gaps})
    raise AssertionError("the round cannot be finished")


def papers(rnd: Random, definition: Questionnaire) -> Documents:
    found: Documents = {}
    for key, question in definition.questions.items():
        if question.evidence is not None and rnd.random() < 0.5:
            document = Evidence(
                id=uuid.UUID(int=rnd.getrandbits(128)),
                kind=question.evidence.kind,
                title="Paper",
                issued=BEFORE - timedelta(days=rnd.randrange(400)),
                expires=rnd.choice((None, TODAY - timedelta(days=1), TODAY + timedelta(days=90))),
                filename="paper.pdf",
                media_type="application/pdf",
                size=1,
                sha256="0" * 64,
                scan="clean",
            )
            found[key] = (Beside(EvidenceGrant(delegation_id=None), document),)
    return found


def handed_in(draft: Draft) -> Standing:
    """What sealing a complete draft keeps."""
    visible = draft.look.visible
    return Standing(
        {key: said for key, said in draft.contents.items() if key in visible and not said.blank},
        {
            key: {one.document.id: canonical_json(sealing.evidence_document(one.document)) for one in some}
            for key, some in draft.documents.items()
            if key in visible
        },
        draft.as_of,
        draft.shown,
    )


def drifted(rnd: Random, definition: Questionnaire, contents: Mapping[str, Content]) -> dict[str, Content]:
    """What the company's rows may hold by now: what was handed in, and what was written for withdrawn returns."""
    found = dict(contents)
    for key, question in definition.questions.items():
        if rnd.random() < 0.3:
            found[key] = value(rnd, question, TODAY)
    return found


def lost(rnd: Random, documents: Documents) -> Documents:
    """The documents of now: some were taken out of the library meanwhile."""
    return {key: some for key, some in documents.items() if rnd.random() < 0.8}


def stands(draft: Draft, standing: Standing) -> None:
    """Nothing that did not come back differs from what was handed in, and what is sealed of it is the same."""
    assert draft.asked is not None
    for key in draft.look.visible - draft.asked.keys():
        assert draft.contents.get(key, EMPTY) == standing.contents.get(key, EMPTY), key
        now = {
            one.document.id: canonical_json(sealing.evidence_document(one.document))
            for one in draft.documents.get(key, ())
        }
        assert now == standing.papers.get(key, {}), key
    for key, why in draft.asked.items():
        if why in BESIDE:
            said, stood = draft.contents.get(key, EMPTY), standing.contents.get(key, EMPTY)
            assert (said.state, said.value, said.note) == (stood.state, stood.value, stood.note), key


@given(RANDOM)
def test_a_return_can_always_be_finished_and_changes_nothing_else(rnd: Random) -> None:
    definition, facts = random_definition(rnd), random_facts(rnd)
    documents = papers(rnd, definition)
    first = finished(rnd, Draft(definition, {}, facts, BEFORE, documents=documents))
    standing = handed_in(first)
    keys = [*definition.questions]
    chosen = frozenset(rnd.sample(keys, rnd.randint(1, min(4, len(keys)))))
    shown = frozenset(key for key in chosen if key not in first.look.visible)
    whole = Whole(drifted(rnd, definition, first.contents), lost(rnd, documents), frozenset())
    plain = Draft(definition, {}, facts, TODAY, shown=shown)
    draft = Returned(chosen, standing, whole).narrowed(plain)
    stands(draft, standing)
    for _ in range(3):
        assert draft.asked is not None
        assert {key for key, why in draft.asked.items() if why == CHOSEN} == chosen
        edited = rnd.sample(sorted(draft.asked), rnd.randint(0, len(draft.asked)))
        draft = draft.with_contents(
            {key: value(rnd, definition.questions[key], TODAY) for key in edited}, unaccepted=False
        )
        stands(draft, standing)
    draft = finished(rnd, draft)
    stands(draft, standing)
    assert draft.look.missing == ()
    assert shown <= draft.look.visible, "what was returned is asked, whatever its condition says"


@given(RANDOM)
def test_what_nobody_touches_is_sealed_as_it_was(rnd: Random) -> None:
    """A return that is submitted at once, on the same day, seals what was sealed before."""
    definition, facts = random_definition(rnd), random_facts(rnd)
    documents = papers(rnd, definition)
    first = finished(rnd, Draft(definition, {}, facts, TODAY, documents=documents))
    standing = handed_in(first)
    seen = sorted(first.look.visible)
    if not seen:
        return
    chosen = frozenset(rnd.sample(seen, rnd.randint(1, len(seen))))
    whole = Whole(first.contents, documents, frozenset())
    draft = Returned(chosen, standing, whole).narrowed(Draft(definition, {}, facts, TODAY))
    assert draft.asked is not None
    assert set(draft.asked) == chosen, "nothing is opened that nothing has opened"
    assert handed_in(draft) == standing
