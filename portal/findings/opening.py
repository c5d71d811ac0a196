"""What opens findings: a submission that is sealed, and a rating that is written over it (two consequences).

Both look at the newest answers of each engagement and say the same: what is earned stands once, for as long as a
reviewer lets it stand. What is no longer earned is not closed here.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, partial

from sqlalchemy.orm import Session

from portal import clock
from portal.access import Identity
from portal.assessments import result, result_queries, sealing
from portal.assessments.models import Assessment, Submission
from portal.assessments.result_queries import Pair
from portal.findings import earning, letters, opening_queries, steps
from portal.findings.earning import Follower, Known
from portal.findings.models import Finding, FindingEngagement
from portal.findings.opening_queries import Link
from portal.findings.queries import OPEN, REVIEWER
from portal.library import lineage
from portal.library import service as library
from portal.vendors.facts import judged
from portal.vendors.ground import ground_moved
from questionnaires.answers import parse_facts
from questionnaires.definition import Questionnaire


@dataclass
class Look:
    """One look at a submission: what it earns, and what stands on its engagements."""

    session: Session
    assessment: Assessment
    submission: Submission
    definition: Questionnaire
    engagements: list[uuid.UUID]
    earned: Mapping[Known, str]
    why_not: Callable[[Known | None], str]
    actor: Identity
    now: datetime
    by_version: dict[str, Follower] = field(default_factory=dict)

    @cached_property
    def closed(self) -> Mapping[Known, list[Link]]:
        """What was closed over answers that called for it, by where it stands in this version; read once a look."""
        found: dict[Known, list[Link]] = {}
        for one in opening_queries.closed(self.session, self.engagements, self.assessment, self.pair):
            known = self.followed(one.finding)
            if known is not None:
                found.setdefault(known, []).append(one)
        return found

    @cached_property
    def answers(self) -> opening_queries.Answers:
        """What rounds of the assessment said, each read once a look."""
        return opening_queries.Answers(self.session, self.pair)

    @property
    def pair(self) -> Pair:
        return Pair(self.submission.organisation_id, self.submission.company_id)

    def followed(self, one: Finding) -> Known | None:
        """Where a finding stands in the version of this submission; None where its question has gone."""
        if one.content_hash not in self.by_version:
            old = library.definition(self.session, one.content_hash)
            between = lineage.between(self.session, one.organisation_id, old, self.definition)
            self.by_version[one.content_hash] = earning.follower(old, self.definition, between)
        return self.by_version[one.content_hash].follow((one.key, one.code))


def open_after_submission(
    session: Session, assessment: Assessment, submission: Submission, actor: Identity, now: datetime
) -> None:
    """The consequence of a submission, and of a rating: what it has earned is on record, once."""
    pair = Pair(submission.organisation_id, submission.company_id)
    covered = result_queries.engagement_ids(session, assessment, pair)
    ground_moved(session, submission.organisation_id, covered)  # from here on nobody else looks at them
    engagements = opening_queries.newest_of(session, submission, covered, assessment.slug, pair)
    if not engagements:
        return
    definition = library.definition(session, submission.content_hash)
    answers = sealing.typed_answers(
        definition, result_queries.sealed_bytes(session, submission.id, pair), submission.as_of
    )
    outcome = result.read(result_queries.newest_result(session, submission.id, pair))
    facts = parse_facts(judged(assessment.facts))
    earned = earning.earned(definition, answers, facts, submission.as_of, outcome)
    why_not = partial(earning.why_not, definition, answers, outcome)
    look = Look(session, assessment, submission, definition, engagements, earned, why_not, actor, now)
    opened = _update(look)
    letters.tell_opened(session, assessment, opened, actor=actor, now=now)
    session.flush()


def _update(look: Look) -> list[Finding]:
    """Bring what stands up to these answers, open what is new; returns what was opened."""
    links = opening_queries.standing(look.session, look.engagements, look.assessment.slug, look.pair)
    held: dict[tuple[uuid.UUID, Known], Link] = {}
    newer: dict[uuid.UUID, bool] = {}  # by what stands: whether it is being looked at by new answers
    for one in links:  # the oldest finding first: where two questions become one, it is the one that goes on
        root = one.finding.merged_into or one.finding.id
        newer[root] = newer.get(root, False) or one.row.submission_id != look.submission.id
        known = look.followed(one.finding)
        place = None if known is None else (one.row.engagement_id, known)
        if one.finding.code != REVIEWER and place is not None:
            known = None if place in held else known
            held.setdefault(place, one)
        _move(look, one, known)
    _rename(look, links, held)
    opened = []
    for known in look.earned:
        without = [each for each in look.engagements if (each, known) not in held]
        there = next((held[each, known] for each in look.engagements if (each, known) in held), None)
        if there is not None:
            for each in without:
                _link(look, there.finding, each, known)
            continue
        settled = _settled(look, known, without)
        missing = [each for each in without if each not in settled]
        if missing:
            opened.append(_open(look, known, missing))
    look.session.flush()
    _tell(look, newer)
    return opened


def _move(look: Look, one: Link, known: Known | None) -> None:
    """Let a link, and the finding itself, follow to this submission. ``known``: None where it leads nowhere."""
    row, finding = one.row, one.finding
    row.submission_id = look.submission.id
    row.called_for = finding.code == REVIEWER or known in look.earned
    row.uncalled = "" if row.called_for else look.why_not(known)
    if known is None:
        return
    finding.assessment_id, finding.submission_id = look.assessment.id, look.submission.id
    if finding.content_hash != look.submission.content_hash:
        finding.content_hash = look.submission.content_hash
        finding.key, finding.code = known


def _rename(look: Look, links: list[Link], held: Mapping[tuple[uuid.UUID, Known], Link]) -> None:
    """Let each link be known by the place that its finding holds on the engagement, or by the finding alone.

    A link without a place (its question has gone, or an older finding holds the same one) may not keep the name of
    one: another finding may hold that now. Names are swapped too, so all are let go of before any is taken.
    """
    places = {(one.finding.id, engagement_id): known for (engagement_id, known), one in held.items()}
    moved = []
    for one in links:
        alone = (str(one.finding.id), one.finding.code)
        known = places.get((one.finding.id, one.row.engagement_id), alone)
        name = earning.standing(one.finding.slug, known)
        if one.row.standing != name:
            moved.append((one.row, name))
    for row, _name in moved:
        row.standing = None
    look.session.flush()
    for row, name in moved:
        row.standing = name
    look.session.flush()


def _tell(look: Look, newer: Mapping[uuid.UUID, bool]) -> None:
    """Write the steps of what stood already: that newer answers earn it again, or no longer do."""
    whys = opening_queries.whys(look.session, newer, look.pair)
    for root in opening_queries.findings(look.session, newer, look.pair):
        why = whys.get(root.id, set())
        before, root.called_for = root.called_for, "" in why
        root.uncalled = "" if root.called_for else earning.least(why)
        if root.code == REVIEWER or not (before != root.called_for or (newer[root.id] and root.called_for)):
            continue
        steps.write(
            look.session,
            root,
            "confirmed" if root.called_for else "uncalled",
            actor=look.actor,
            now=look.now,
            by_itself=True,
            submission_id=look.submission.id,
            data={"submission": look.submission.id, "why": root.uncalled},
        )


def _open(look: Look, known: Known, engagements: list[uuid.UUID]) -> Finding:
    """A new finding, on these engagements."""
    severity = look.earned[known]
    finding = new_finding(
        look.assessment,
        look.submission,
        known,
        severity,
        opened_by=None,
        now=look.now,
    )
    look.session.add(finding)
    look.session.flush()
    for each in engagements:
        _link(look, finding, each, known)
    steps.write(
        look.session,
        finding,
        "opened",
        actor=look.actor,
        now=look.now,
        by_itself=True,
        data={"submission": look.submission.id},
    )
    return finding


def new_finding(
    assessment: Assessment,
    submission: Submission,
    known: Known,
    severity: str,
    *,
    opened_by: uuid.UUID | None,
    now: datetime,
) -> Finding:
    """The row of a finding that begins today."""
    return Finding(
        id=uuid.uuid4(),
        organisation_id=submission.organisation_id,
        company_id=submission.company_id,
        vendor_id=assessment.vendor_id,
        assessment_id=assessment.id,
        submission_id=submission.id,
        content_hash=submission.content_hash,
        slug=assessment.slug,
        key=known[0],
        code=known[1],
        severity=severity,
        worst=severity,
        called_for=True,
        state=OPEN,
        waits="",
        opened=clock.local_date(now, assessment.zone),
        opened_at=now,
        opened_by=opened_by,
        closed_how="",
        revision=0,
    )


def _link(look: Look, finding: Finding, engagement_id: uuid.UUID, known: Known) -> None:
    """Let a finding be about this engagement too, and what it was merged into: that is what the gate reads."""
    row = _row(look, finding.id, engagement_id)
    row.standing = earning.standing(finding.slug, known)
    row.submission_id = look.submission.id
    row.called_for, row.uncalled = True, ""
    if finding.merged_into is not None:
        _row(look, finding.merged_into, engagement_id)
    look.session.flush()


def _row(look: Look, finding_id: uuid.UUID, engagement_id: uuid.UUID) -> FindingEngagement:
    """The link of a finding to an engagement: the one that a merge has spread, or a new one that names no place."""
    links = opening_queries.links_of(look.session, finding_id, look.pair)
    there = next((one for one in links if one.engagement_id == engagement_id), None)
    if there is not None:
        return there
    row = FindingEngagement(
        finding_id=finding_id,
        engagement_id=engagement_id,
        organisation_id=look.pair.organisation_id,
        company_id=look.pair.company_id,
        standing=None,
        submission_id=look.submission.id,
        called_for=False,
    )
    look.session.add(row)
    return row


def _settled(look: Look, known: Known, engagements: list[uuid.UUID]) -> set[uuid.UUID]:
    """The engagements on which this was closed for these very answers, or for the same ones of the round before.

    Whoever closed it knew them: only answers that say something else open it anew.
    """
    found = set()
    for one in look.closed.get(known, ()):
        if one.row.engagement_id not in engagements:
            continue
        was, now = (one.row.submission_id, one.finding.key), (look.submission.id, known[0])
        if was[0] == now[0] or look.answers.same(was, now):
            one.row.submission_id = look.submission.id
            found.add(one.row.engagement_id)
    return found
