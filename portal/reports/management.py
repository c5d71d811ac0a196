"""The page for management of the report on one vendor: how it stands, what keeps it from better, what must happen by
when, who decided. One page, however many engagements there are: the worst ones stand on it, all of them after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from flask_babel import gettext as _
from flask_babel import ngettext

from portal.formats import moment, short_date
from portal.gate import arranging, fresh, words
from portal.gate import page as gates
from portal.gate.queries import MET
from portal.reports.engagement_report import GATE_TONES, Shown, Todo
from portal.reports.model import Block, Break, Bullets, Cell, Heading, Para, State, Table, isolated
from portal.vendors.policy_words import RISK_WORDS, TIER_WORDS

# What fits a page together, with names of some forty letters.
MOST_ENGAGEMENTS = 4
MOST_REASONS = 4
MOST_TO_DO = 3
RISK_TONES = {"low": "good", "medium": "fair", "high": "caution", "critical": "bad"}
WORST_FIRST = ("blocked", "pending", "undecided", "clear_with_conditions", "clear")


def blocks(shown: Sequence[Shown]) -> Iterator[Block]:
    """The tables and lists of the page below its first sentences; all engagements follow where it shows only some."""
    yield Para(_sentence(shown), "lead")
    some = sorted(shown, key=_worst_first)[:MOST_ENGAGEMENTS]
    yield _standing(str(_("How each engagement stands today")), some)
    if len(some) < len(shown):
        yield Para(
            str(
                ngettext(
                    "One more engagement stands no worse than these; the pages after this one show all.",
                    "%(num)s more engagements stand no worse than these; the pages after this one show all.",
                    len(shown) - len(some),
                )
            ),
            "info",
        )
    yield Para(
        str(
            _(
                "Assessed: the worst band among the questionnaires that the policy asks for and that count today. "
                "Until: the last day on which the gate passes if nobody does anything."
            )
        ),
        "small",
    )
    yield from _keeping(some)
    todo = _all_to_do(shown)
    yield from _to_do(todo[:MOST_TO_DO], len(todo))
    yield Heading(3, str(_("Who decided")))
    yield Bullets(tuple(_decided(some)))


def whole(shown: Sequence[Shown]) -> Iterator[Block]:
    """All engagements in a chapter of their own, where the page has not shown all of them; else nothing."""
    todo = _all_to_do(shown)
    if len(shown) <= MOST_ENGAGEMENTS and len(todo) <= MOST_TO_DO:
        return
    yield Break()
    yield Heading(1, str(_("All engagements")))
    yield _standing(str(_("How each of them stands today")), shown)
    yield from _to_do(todo, len(todo))
    yield Heading(3, str(_("Who decided on each")))
    yield Bullets(tuple(_decided(shown)))


def _worst_first(one: Shown) -> tuple[int, int, str]:
    """What is not decided is worse than what passes; of two that stand alike the greater residual risk is worse."""
    risk = list(RISK_TONES).index(one.residual) if one.residual else len(RISK_TONES)
    return WORST_FIRST.index(one.outcome), -risk, one.subject.case.engagement.name


def _standing(caption: str, shown: Sequence[Shown]) -> Table:
    heads = (_("Engagement"), _("Tier"), _("Assessed"), _("Residual risk"), _("Gate"), _("Until"))
    return Table(
        caption,
        tuple(str(one) for one in heads),
        tuple(_row(one) for one in shown),
        widths=(28, 11, 20, 14, 15, 12),
    )


def _sentence(shown: Sequence[Shown]) -> str:
    """What a board member should remember."""
    passing = sum(one.outcome in ("clear", "clear_with_conditions") for one in shown)
    blocked = sum(one.outcome == "blocked" for one in shown)
    if passing == len(shown):
        said = ngettext(
            "The one engagement may go ahead.", "All %(num)s engagements may go ahead.", len(shown)
        )
    elif not passing:
        said = ngettext(
            "The one engagement may not go ahead today.",
            "None of the %(num)s engagements may go ahead today.",
            len(shown),
        )
    else:
        said = _("%(passing)s of %(all)s engagements may go ahead.", passing=passing, all=len(shown))
    if blocked and len(shown) > 1:
        said += " " + ngettext("One is blocked.", "%(num)s are blocked.", blocked)
    worst = max((one.residual for one in shown if one.residual), key=list(RISK_TONES).index, default="")
    if worst:
        said += " " + _("The highest residual risk is %(risk)s.", risk=str(RISK_WORDS[worst]).lower())
    else:
        said += " " + _(
            "The residual risk is not known: of what the policy asks for, nothing that counts today has a band."
        )
    return str(said)


def _row(one: Shown) -> tuple[Cell, ...]:
    risk: Cell = str(_("not known"))
    if one.residual:
        risk = State(RISK_TONES[one.residual], str(RISK_WORDS[one.residual]))
    subject = one.subject
    last = until(one)
    return (
        subject.case.engagement.name,
        str(TIER_WORDS[subject.case.facts.tier]),
        one.band,
        risk,
        State(GATE_TONES.get(one.outcome, "none"), one.outcome_word),
        short_date(last) if last else "",
    )


def until(one: Shown) -> date | None:
    """The last day on which the gate passes if nobody does anything; None where it does not pass today."""
    subject, decided = one.subject, one.subject.decided
    if decided is None or not one.passes:
        return None
    met = frozenset(each.condition.subject for each in one.held if each.state == MET)
    ends = fresh.lapses_on(subject.case.facts, decided, subject.case.policy, met, subject.today)
    days = [decided.valid_until, ends - fresh.DAY if ends is not None else None]
    return min((day for day in days if day is not None), default=None)


def _keeping(shown: Sequence[Shown]) -> Iterator[Block]:
    yield Heading(3, str(_("What keeps it from better")))
    some = [one for one in shown if one.outcome != "clear" or one.arranged.wanting]
    items: list[str] = []
    for one in some:
        name = isolated(one.subject.case.engagement.name)
        said = gates.lapsed_words(one.subject) or [_ground(group) for group in one.groups]
        if not said:
            said = [str(_("nothing stands in the way; nobody has decided yet."))]
        first = said[: max(1, MOST_REASONS // len(some))]
        if len(said) > len(first):
            more = len(said) - len(first)
            also = ngettext("And one more ground.", "And %(num)s more grounds.", more)
            first[-1] += f" {also}"
        items += [f"{name}: {text}" for text in first]
    if items:
        yield Bullets(tuple(items))
    else:
        yield Para(str(_("Nothing: every gate is clear.")))


def _ground(group: list[words.Line]) -> str:
    one = group[0]
    about = f", {one.about}" if one.about else ""
    what = f"{one.name}{about}" if len(group) == 1 else f"{one.name}, {arranging.headline(group)}"
    return f"{what}: {one.on_record}."


def _all_to_do(shown: Sequence[Shown]) -> list[tuple[str, Todo]]:
    """What must happen, with the engagement's name, by date; what has none comes last."""
    rows = [(one.subject.case.engagement.name, each) for one in shown for each in one.todo]
    return sorted(rows, key=lambda row: (row[1].due or date.max, row[0], row[1].what))


def _to_do(rows: Sequence[tuple[str, Todo]], of: int) -> Iterator[Block]:
    """The table of these rows, which are the first of ``of``."""
    if not rows:
        return
    yield Heading(3, str(_("What must happen, and by when")))
    yield Table(
        str(_("Conditions and agreed plans")),
        (str(_("What")), str(_("Engagement")), str(_("Who")), str(_("By")), str(_("State"))),
        tuple(
            (
                each.what,
                name,
                each.who,
                short_date(each.due) if each.due else str(_("while it holds")),
                each.state,
            )
            for name, each in rows
        ),
        widths=(35, 26, 15, 12, 12),
    )
    if len(rows) < of:
        more = of - len(rows)
        said = ngettext(
            "One more comes later.", "%(num)s more come later; the pages after this one show all.", more
        )
        yield Para(str(said), "info")


def _decided(shown: Sequence[Shown]) -> Iterator[str]:
    for one in shown:
        subject, name = one.subject, isolated(one.subject.case.engagement.name)
        row = subject.decision
        if row is None:
            yield f"{name}: " + str(_("nobody yet, so purchasing waits."))
            continue
        who = [isolated(one.person(row.decided_by))]
        if row.approved_by is not None:
            who.append(str(_("approved by %(who)s", who=isolated(one.person(row.approved_by)))))
        when = moment(row.decided_at, subject.ours.zone)
        outcome = str(words.OUTCOMES[row.outcome]).lower()
        yield f"{name}: {outcome}, {', '.join(who)}, {when}."
