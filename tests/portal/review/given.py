"""A submission that waits for its review, and what reviewers do to it through the services."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, TypeVar

from sqlalchemy import select

from portal.access import CompanyRole, Identity, OrganisationRole
from portal.assessments import change_steps, changing, showing
from portal.assessments import queries as assessment_queries
from portal.assessments import service as answering
from portal.assessments.drafts import Content
from portal.assessments.models import Rating
from portal.assessments.service import Attestation, Edit
from portal.contracts.service import evaluate_after_submission
from portal.db import Database
from portal.evidence import service
from portal.evidence.service import Described
from portal.evidence.sniffing import Sniffed
from portal.evidence.uploads import Stored
from portal.library import service as library
from portal.review import carrying, marking, queries
from portal.review.marking import Wish
from portal.review.queries import Case
from tests.portal import journey, rich
from tests.portal.world import NOW, Place

T = TypeVar("T")
CONSEQUENCES = (carrying.carry_after_submission, evaluate_after_submission)
RATED = (evaluate_after_submission,)


@dataclass
class Reviewed:
    """One sealed submission of rich.ANSWERS, and who judges it."""

    database: Database
    issued: journey.Issued
    submission: uuid.UUID

    @property
    def organisation(self) -> Place:
        return self.issued.organisation

    @property
    def reviewer(self) -> Identity:
        return self.organisation[OrganisationRole.REVIEWER]

    @property
    def owner(self) -> Identity:
        return self.issued.company[CompanyRole.OWNER]

    def change(
        self,
        step: Callable[..., T],
        *args: Any,
        actor: Identity | None = None,
        now: datetime = NOW,
        **more: Any,
    ) -> T:
        """Run a service under the actor's own scope on the locked case, as a view does."""
        actor = actor or self.reviewer
        with self.database.transaction(actor.scope) as session:
            found = queries.case(session, actor, self.submission, lock=True)
            return step(session, found, *args, actor=actor, now=now, **more)

    def save(
        self, wish: Wish, *, seen: str | None = None, actor: Identity | None = None, at: int = 0
    ) -> None:
        """Save one mark ``at`` so many minutes after noon; ``seen`` defaults to what stands."""
        token = self.case().token((wish.key, wish.document)) if seen is None else seen
        self.change(marking.save, wish, seen=token, actor=actor, now=NOW + timedelta(minutes=at))

    def write(self, **more: Any) -> None:
        more.setdefault("seen", self.case().unwritten)
        self.change(marking.write, consequences=RATED, **more)

    def case(self, actor: Identity | None = None) -> Case:
        actor = actor or self.reviewer
        with self.database.looking(actor.scope) as session:
            return queries.case(session, actor, self.submission)

    def ratings(self) -> list[Rating]:
        with self.database.looking(self.reviewer.scope) as session:
            rows = session.scalars(
                select(Rating)
                .where(
                    Rating.submission_id == self.submission, Rating.organisation_id == self.organisation.id
                )
                .order_by(Rating.sequence)
            )
            return list(rows)

    def again(self, changes: Mapping[str, Content], *, now: datetime = NOW + timedelta(days=2)) -> Reviewed:
        """A new round with some answers changed, submitted by the owner under the company's own scope."""
        ciso = self.organisation[OrganisationRole.CISO]
        with self.database.transaction(ciso.scope) as session:
            one, _vendor = change_steps.lock(session, ciso, self.issued.assessment)
            changing.reopen(
                session, one, due=(now + timedelta(days=9)).date(), text="Look again.", actor=ciso, now=NOW
            )
        with self.database.transaction(self.owner.scope) as session:
            one = assessment_queries.assessment(session, self.owner, self.issued.assessment, lock=True)
            definition = library.definition(session, one.content_hash)
            held = assessment_queries.rows(session, self.owner, one.id)
            for key, content in changes.items():
                edit = Edit(key, held[key][0].revision if key in held else 0, content)
                saved = answering.save_answers(
                    session, one, definition.section_of[key], [edit], actor=self.owner, now=now
                )
                assert not saved.errors, saved.errors
            signed = Attestation("Tomasz Wilk", "Head of Security", "True and complete.")
            found = answering.submit(
                session, one, signed, actor=self.owner, now=now, consequences=CONSEQUENCES
            )
            return Reviewed(self.database, self.issued, found.id)


def reviewed(
    database: Database,
    organisation: Place,
    company: Place,
    *,
    papers: Mapping[str, str] = MappingProxyType({}),
    blank: Collection[str] = (),
) -> Reviewed:
    """The rich questionnaire, issued, answered but for ``blank``, and sealed; ``papers``: a document's title by key."""
    journey.release(database, organisation, rich.DEFINITION)
    issued = journey.issue(database, organisation, company, definition=rich.DEFINITION)
    owner = issued.company[CompanyRole.OWNER]
    for key, title in papers.items():
        with database.transaction(owner.scope) as session:
            sniffed = Sniffed(f"{title}.pdf", "application/pdf", 2048, "0" * 64)
            stored = Stored(f"{title:x<32}", sniffed, "clean", NOW)
            document = service.add(session, stored, Described("policy", title), actor=owner, now=NOW)
            one = showing.open_assessment(session, owner, issued.assessment, key, now=NOW)
            showing.attach(session, one, key, [document.id], actor=owner, now=NOW)
    answers = {key: content for key, content in rich.ANSWERS.items() if key not in blank}
    return Reviewed(database, issued, journey.submit(database, issued, answers))
