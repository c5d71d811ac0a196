"""A round of chosen questions: what came back, what that opens beside it, and what stands as it was handed in.

Pure. What came back is read from the draft, everything else from the submission before: nothing that anybody does to a
draft can change what did not come back. What opens beside the chosen questions is closed under visibility, so that
whoever answers can always finish. Where only a document or a promise is missing, the answer itself stands: else anybody
could answer anew, and shake off what was judged, by touching a document.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from portal.assessments import drafts, sealing
from portal.assessments.drafts import EMPTY, Content, Draft
from portal.evidence.models import Evidence
from portal.evidence.queries import Beside
from questionnaires.answers import Answer, EvidenceItem, InvalidAnswer
from questionnaires.dates import parse_date
from questionnaires.definition import Questionnaire
from questionnaires.scoring import is_proven
from questionnaires.visibility import Look, look

CHOSEN, VISIBLE, REQUIRED, OUTDATED, PROOF, DOCUMENT = (
    "chosen",  # the organisation returned it
    "visible",  # it was not asked the time before
    "required",  # it needs an answer now and has none
    "outdated",  # its answer no longer fits, for days have passed
    "proof",  # its evidence no longer proves, or the promised day has passed
    "document",  # a document beside it is not there any more as it was
)
BESIDE = frozenset({PROOF, DOCUMENT})  # what opens documents and promise alone


@dataclass(frozen=True)
class Standing:
    """The submission that stands for what did not come back. ``papers``: sealed documents by question and evidence."""

    contents: Mapping[str, Content]
    papers: Mapping[str, Mapping[uuid.UUID, bytes]]
    as_of: date
    shown: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Whole:
    """The draft as the company's rows hold it, whatever came back."""

    contents: Mapping[str, Content]
    documents: Mapping[str, tuple[Beside, ...]]
    unaccepted: frozenset[str]


@dataclass(frozen=True)
class Returned:
    """A return: ``keys`` came back; ``standing`` is what was handed in before; ``whole`` the company's own draft."""

    keys: frozenset[str]
    standing: Standing
    whole: Whole

    def narrowed(self, plain: Draft) -> Draft:
        """The draft of this round; ``plain`` says definition, facts, day and ``shown``, its contents do not matter."""
        before = _Before(plain.definition, plain.facts, self.standing, plain.as_of)
        asked = {key: CHOSEN for key in plain.definition.questions if key in self.keys}
        while True:
            draft = self._laid(plain, asked)
            more = {
                key: why
                for key in plain.definition.questions
                if (key not in asked or asked[key] in BESIDE)
                and (why := before.opens(key, draft.look, self.whole)) is not None
                and not (key in asked and why in BESIDE)
            }  # what had opened for a document may come to need an answer as well
            if not more:
                return draft
            asked |= more

    def changed(self, contents: Mapping[str, Content], *, unaccepted: bool) -> Returned:
        """The same after an edit of the draft; ``unaccepted``: it came through a link."""
        waiting = self.whole.unaccepted
        waiting = waiting | contents.keys() if unaccepted else waiting - contents.keys()
        whole = replace(
            self.whole, contents={**self.whole.contents, **contents}, unaccepted=frozenset(waiting)
        )
        return replace(self, whole=whole)

    def _laid(self, plain: Draft, asked: Mapping[str, str]) -> Draft:
        """What came back as it is in the draft, laid over what stands."""
        whole, standing = self.whole, self.standing
        questions = plain.definition.questions
        contents = {
            key: said
            for key, said in standing.contents.items()
            if key in questions and asked.get(key, PROOF) in BESIDE
        }
        contents |= {
            key: self._beside(key, said) if asked[key] in BESIDE else said
            for key, said in whole.contents.items()
            if key in asked
        }
        documents = {
            key: tuple(one for one in some if one.document.id in standing.papers.get(key, {}))
            for key, some in whole.documents.items()
            if key not in asked
        }
        documents |= {key: some for key, some in whole.documents.items() if key in asked}
        return Draft(
            plain.definition,
            contents,
            plain.facts,
            plain.as_of,
            frozenset(whole.unaccepted & asked.keys()),
            {key: some for key, some in documents.items() if some},
            shown=plain.shown,
            asked=dict(asked),
            returned=self,
        )

    def _beside(self, key: str, said: Content) -> Content:
        """The answer that was handed in, with the promise of now."""
        stood = self.standing.contents.get(key, EMPTY)
        return replace(stood, promise_reason=said.promise_reason, promise_date=said.promise_date)


def answers_anew(draft: Draft, key: str, content: Content, among: Collection[Content]) -> bool:
    """Whether a card says something else where the answer stands; ``among``: what may be said, with any promise."""
    if draft.asked is None or draft.asked.get(key) not in BESIDE:
        return False
    said = [(one.state, one.value, one.note) for one in (*among, draft.contents.get(key, EMPTY))]
    return (content.state, content.value, content.note) not in said


class _Before:
    """What was handed in, as the questions of today read it."""

    def __init__(
        self, definition: Questionnaire, facts: Mapping[str, Any], standing: Standing, today: date
    ) -> None:
        self.definition, self.standing, self.today = definition, standing, today
        answers: dict[str, Answer] = {}
        self.outdated: set[str] = set()
        for key, content in standing.contents.items():
            if key not in definition.questions:
                continue
            try:
                drafts.typed(definition.questions[key], content, today)
            except InvalidAnswer:
                self.outdated.add(key)
            try:
                answers[key] = drafts.typed(definition.questions[key], content, standing.as_of)
            except InvalidAnswer:  # the definition takes what it took; only a redacted version would not
                continue
        self.visible = look(definition, answers, facts, standing.as_of, standing.shown).visible

    def opens(self, key: str, now: Look, whole: Whole) -> str | None:
        """Why a question that nobody chose is to be answered in this round all the same; None: it stands."""
        if key not in now.visible:
            return None
        if key not in self.visible:
            return VISIBLE
        content = self.standing.contents.get(key, EMPTY)
        if key in self.outdated:
            return OUTDATED
        if key in now.required and content.state == "unanswered":
            return REQUIRED
        if self._moved(key, whole):
            return DOCUMENT
        return PROOF if self._unproven(key, content, now) else None

    def _moved(self, key: str, whole: Whole) -> bool:
        """Whether a document that was sealed here is gone, or no longer says what it said; its title may change."""
        live = {one.document.id: one.document for one in whole.documents.get(key, ())}
        return any(
            evidence not in live or _paper(live[evidence]) != _paper(sealing.document(data))
            for evidence, data in self.standing.papers.get(key, {}).items()
        )

    def _unproven(self, key: str, content: Content, now: Look) -> bool:
        """Whether evidence that proved then proves no longer, or is demanded and neither there nor promised."""
        rule = self.definition.questions[key].evidence
        if rule is None or content.state != "answered":
            return False
        items = tuple(self._item(data) for data in self.standing.papers.get(key, {}).values())
        answer = Answer("answered", evidence=items)
        if is_proven(rule, answer, self.today):
            return False
        if is_proven(rule, answer, self.standing.as_of):
            return True
        if key not in now.evidence_required:
            return False
        day = parse_date(content.promise_date)
        return not content.promise_reason or (day is not None and day < self.today - timedelta(days=1))

    @staticmethod
    def _item(data: bytes) -> EvidenceItem:
        return sealing.document(data).item


def _paper(one: Evidence | sealing.Document) -> tuple[str, str, date | None, date | None]:
    """What makes a document the same one, whatever it is called."""
    return one.sha256, one.kind, one.issued, one.expires
