"""What a report says of one engagement: gate, conditions, contract, findings, in the words of their pages."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy.orm import Session

from portal.access import Identity
from portal.contracts import schedule_queries
from portal.contracts.schedule_queries import Schedule
from portal.findings import lists as findings
from portal.findings import words as finding_words
from portal.findings.models import Finding
from portal.findings.words import Described
from portal.formats import short_date
from portal.gate import arranging, words
from portal.gate import page as gates
from portal.gate.arranging import Arranged
from portal.gate.bands import bands
from portal.gate.deciding import BY_HAND, PASSING, Condition
from portal.gate.page import Held, Subject
from portal.gate.queries import MET, WAITING
from portal.organisations import queries as organisations
from portal.reports.model import Block, Cell, Facts, Heading, Para, State, Table
from portal.vendors.policy_words import MUST_WORDS, TIER_WORDS

GATE_TONES = {"clear": "good", "clear_with_conditions": "caution", "blocked": "bad", "pending": "none"}
MUST_TONES = {"flagged": "caution", "proposed": "info", "agreed": "fair", "in_contract": "good"}
SEVERITY_TONES = {"critical": "bad", "high": "bad", "medium": "caution", "low": "none"}


@dataclass(frozen=True, slots=True)
class Todo:
    """What must happen by ``due``, and who has to do it."""

    what: str
    who: str
    due: date | None
    state: State


@dataclass(frozen=True)
class Shown:
    """One engagement as its pages show it. ``band``: the worst of the demanded questionnaires that count, as a
    range where answers are open; ``residual``: the risk that the policy sees in it, "" while not known.
    """

    subject: Subject
    arranged: Arranged
    held: tuple[Held, ...]
    schedule: Schedule
    findings: tuple[Finding, ...]
    described: dict[uuid.UUID, Described]
    names: dict[uuid.UUID, str]
    band: str
    residual: str

    @property
    def outcome(self) -> str:
        return self.subject.effective.outcome if self.subject.effective else "undecided"

    @property
    def outcome_word(self) -> str:
        return str(words.OUTCOMES[self.outcome]) if self.outcome in words.OUTCOMES else str(_("Not decided"))

    @property
    def passes(self) -> bool:
        return self.outcome in PASSING

    @property
    def groups(self) -> list[list[words.Line]]:
        """Grounds that keep the gate from better: what stands in the way, else what lets it pass with conditions."""
        return self.arranged.wanting or self.arranged.rows

    def person(self, one: uuid.UUID | None) -> str:
        return self.names.get(one, str(_("somebody"))) if one is not None else str(_("somebody"))

    @property
    def todo(self) -> list[Todo]:
        """Conditions that are not met and plans that were agreed; a finding that is a condition too stands once."""
        found = []
        told = set()
        for one in self.held:
            if one.state == MET:
                continue
            told.add(one.condition.subject)
            state = State("bad", str(_("Late"))) if one.state == "late" else State("caution", str(_("Open")))
            found.append(Todo(one.text, self._who(one.condition), one.condition.due, state))
        for row in self.findings:
            if str(row.id) in told or row.due is None:
                continue
            stand = finding_words.stand(row, self.subject.today, ours=True)
            title = self.described[row.id].title or str(_("A finding whose words were removed"))
            who = self.person(row.owner_id) if row.owner_id else str(_("the vendor"))
            found.append(Todo(title, who, row.due, State(stand.tone, stand.label)))
        return found

    def _who(self, condition: Condition) -> str:
        if condition.code == BY_HAND:
            row = self.subject.decision
            return self.person(row.decided_by if row is not None else None)
        if condition.code == "requirement":
            return str(_("purchasing and the vendor"))
        return str(_("the vendor"))


def read(session: Session, identity: Identity, engagement_id: uuid.UUID, *, now: datetime) -> Shown:
    """One engagement with all that its section says; NotFound as the gate's page."""
    subject = Subject(session, identity, engagement_id, now=now)
    case = subject.case
    rows = findings.of_engagement(session, identity, engagement_id)
    people = organisations.people(session, {one.owner_id for one in rows if one.owner_id is not None})
    low, band = _band(subject)
    return Shown(
        subject,
        arranging.arrange([words.line(one, subject.names) for one in case.proposal.grounds]),
        tuple(gates.held(subject)),
        schedule_queries.read(session, identity, case.engagement, case.vendor, subject.today),
        tuple(rows),
        finding_words.described(session, identity, rows),
        {one.id: one.name for one in (*subject.people.values(), *people.values())},
        band,
        case.policy.residual(case.facts.tier, low) if low is not None else "",
    )


def _band(subject: Subject) -> tuple[int | None, str]:
    """The worst level among the demanded questionnaires that count today, and its band in words; as in all lists."""
    grounds = subject.case.proposal.grounds
    of = bands(grounds)
    asked = sum(one.code == "questionnaire" for one in grounds)
    if of.worst is None:
        return None, str(_("not assessed") if of.missing == asked else _("no band can be told"))
    found = subject.names.level(of.worst.subject, of.low)
    if of.high != of.low:
        best = subject.names.level(of.worst.subject, of.high)
        found = str(_("%(low)s to %(high)s", low=found, high=best))
    if of.missing:
        one = " (one questionnaire is missing)"
        found += str(ngettext(one, " (%(num)s questionnaires are missing)", of.missing))
    return of.low, found


# -------------------------------------------------------------------------------------------------------------- blocks


def blocks(shown: Shown, number: str) -> Iterator[Block]:
    """The section about one engagement, numbered ``number``."""
    subject = shown.subject
    case = subject.case
    yield Heading(1, case.engagement.name, number)
    if case.engagement.description:
        yield Para(case.engagement.description)
    yield Facts(
        (
            (str(_("Tier")), str(TIER_WORDS[case.facts.tier])),
            (str(_("Business owner")), _owner(shown)),
            (str(_("Assessed")), shown.band),
            (str(_("Gate today")), shown.outcome_word),
            (str(_("The rules propose")), str(words.OUTCOMES[case.proposal.outcome])),
        )
    )
    yield Heading(2, str(_("Grounds of the gate")), f"{number}.1")
    lines = [line for group in shown.arranged.rows for line in group] + shown.arranged.met
    yield Table(
        str(_("What is on record, and what the policy asks for")),
        (str(_("Ground")), str(_("On record")), str(_("Policy")), str(_("Result"))),
        tuple(_ground(one) for one in lines),
        widths=(28, 30, 26, 16),
    )
    yield from _conditions(shown, f"{number}.2")
    yield from _contract(shown, f"{number}.3")
    yield from _findings(shown, f"{number}.4")


def _owner(shown: Shown) -> str:
    owner = shown.subject.case.engagement.business_owner_id
    return shown.person(owner) if owner is not None else str(_("nobody yet"))


def _ground(one: words.Line) -> tuple[Cell, ...]:
    tone, _icon, word = words.RESULTS[one.ground.result]
    name = f"{one.name}: {one.about}" if one.about else one.name
    return name, one.on_record, one.policy, State(tone, str(word))


def _conditions(shown: Shown, number: str) -> Iterator[Block]:
    yield Heading(2, str(_("Conditions and exceptions")), number)
    exceptions = [one for one in shown.subject.exceptions if one.state in ("approved", WAITING)]
    if not shown.held and not exceptions:
        yield Para(str(_("There are none.")))
    if shown.held:
        states = {"open": State("caution", str(_("Open"))), "late": State("bad", str(_("Not met in time")))}
        met = State("good", str(_("Met")))
        yield Table(
            str(_("What must hold")),
            (str(_("Condition")), str(_("Due")), str(_("State")), str(_("If it is not met"))),
            tuple(
                (
                    one.text,
                    short_date(one.condition.due) if one.condition.due else str(_("as long as the decision")),
                    states.get(one.state, met),
                    str(words.LAPSES[one.condition.lapses_to]),
                )
                for one in shown.held
            ),
            widths=(46, 16, 16, 22),
        )
    if exceptions:
        yield Table(
            str(_("Risks that are accepted for a time")),
            (str(_("Ground")), str(_("Until")), str(_("State")), str(_("By"))),
            tuple(
                (
                    _accepted(shown, one.code, one.subject),
                    short_date(one.until),
                    State("caution", str(_("Accepted")))
                    if one.state == "approved"
                    else State("none", str(_("Waits"))),
                    ", ".join(
                        shown.person(each) for each in (one.proposed_by, one.settled_by) if each is not None
                    ),
                )
                for one in exceptions
            ),
            widths=(46, 16, 16, 22),
        )


def _accepted(shown: Shown, code: str, subject: str) -> str:
    for one in shown.subject.case.proposal.grounds:
        if one.key == (code, subject):
            line = words.line(one, shown.subject.names)
            return f"{line.name}: {line.about}" if line.about else line.name
    return words.ground_name(code)


def _contract(shown: Shown, number: str) -> Iterator[Block]:
    yield Heading(2, str(_("What the contract needs")), number)
    called = shown.schedule.called
    if not called:
        yield Para(str(_("Nothing is called for.")))
        return
    yield Table(
        str(_("Controls that the contract needs, and how far each is")),
        (str(_("Control")), str(_("Needed")), str(_("State"))),
        tuple(
            (
                one.point.title,
                str(_("must")) if one.point.must else str(_("should")),
                State("none", str(_("Waived")))
                if one.standing.waived_until is not None
                else State(MUST_TONES[one.standing.state], str(MUST_WORDS[one.standing.state])),
            )
            for one in called
        ),
        widths=(60, 12, 28),
    )


def _findings(shown: Shown, number: str) -> Iterator[Block]:
    yield Heading(2, str(_("Open findings")), number)
    if not shown.findings:
        yield Para(str(_("There are none.")))
        return
    rows = []
    for one in shown.findings:
        stand, said = finding_words.stand(one, shown.subject.today, ours=True), shown.described[one.id]
        severity = State(SEVERITY_TONES[one.severity], str(words.SEVERITY[one.severity]))
        what = said.title or str(_("Its words were removed."))
        day = short_date(one.due) if one.due else ""
        rows.append((what, said.number, severity, State(stand.tone, stand.label), day))
    yield Table(
        str(_("Faults on record that are not settled")),
        (str(_("Finding")), str(_("Question")), str(_("Severity")), str(_("State")), str(_("By"))),
        tuple(rows),
        widths=(44, 11, 14, 18, 13),
    )
