"""The report on everything, for a board: where it stands, what changed, what is accepted, what is coming.

``figures.home`` is the only source of its numbers, so they are those of the home page. What people wrote (reasons of
exceptions, notes) stays out; names of vendors, engagements, approvers and of the firms that vendors named stand in it.
A business owner's report speaks of their own engagements, and says so in its title, its lead and its hash.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy.orm import Session

from portal.access import Identity
from portal.clock import local_date
from portal.formats import short_date
from portal.gate import standings, words
from portal.organisations import queries as organisations
from portal.portfolio import exceptions, figures, shown
from portal.portfolio.exceptions import Row as Accepted
from portal.portfolio.figures import Home
from portal.portfolio.matrix import Cell
from portal.portfolio.shown import TIER_WORDS
from portal.reports.management import RISK_TONES
from portal.reports.model import (
    Bars,
    Block,
    Break,
    Bullets,
    Column,
    Columns,
    Document,
    Facts,
    Heading,
    MatrixBlock,
    Para,
    Part,
    Square,
    State,
    Table,
)
from portal.vendors import queries as vendors

MOST_EXCEPTIONS = 30


@dataclass(frozen=True, slots=True)
class Found:
    """The figures, and the accepted risks that the report lists: the first of them, with who approved each.

    ``of``: whose engagements alone it speaks of, "" for all of the organisation.
    """

    home: Home
    accepted: list[Accepted]
    people: dict[str, str]
    of: str = ""


def portfolio(
    session: Session, identity: Identity, *, since: date, now: datetime, most: int = standings.NOW_AT_ONCE
) -> Document:
    """The report as of ``now``, compared with the day ``since``; at most ``most`` gates are worked out for it."""
    ours = organisations.organisation_of(session, identity)
    today = local_date(now, ours.zone)
    home = figures.home(session, identity, today=today, now=now, since=since, most=most)
    statement = exceptions.ids(identity, exceptions.Filter(exceptions.FORCE), today=today)
    wanted = session.execute(statement.limit(MOST_EXCEPTIONS)).scalars().all()
    accepted = exceptions.rows(session, identity, wanted)
    settled = {one.exception.settled_by for one in accepted if one.exception.settled_by is not None}
    people = {str(one.id): one.name for one in organisations.people(session, settled).values()}
    found = Found(home, accepted, people, identity.person.name if vendors.is_narrowed(identity) else "")
    title = _("Third-party risk report")
    if found.of:
        title = _("Risk report on the engagements of %(name)s", name=found.of)
    return Document(
        kind="portfolio_report",
        title=str(title),
        subject=ours.name,
        made_at=now,
        made_for=ours.name,
        zone=ours.zone,
        rests_on=tuple(_rests_on(found)),
        blocks=tuple(_blocks(found)),
    )


def _blocks(found: Found) -> Iterator[Block]:
    yield from _summary(found)
    yield Break()
    yield from _risk(found.home)
    yield from _changes(found.home)
    yield Break()
    yield from _gates(found.home)
    yield from _exceptions(found)
    yield from _parties(found.home)
    yield from _months(found.home)
    yield Break()
    yield from _method(found)


# ------------------------------------------------------------------------------------------------------------- summary


def _summary(found: Found) -> Iterator[Block]:
    home = found.home
    yield Heading(1, str(_("Summary") if found.of else _("For the board")))
    if found.of:
        yield Para(
            str(
                _(
                    "This report speaks of the engagements alone whose business owner is %(name)s. The organisation "
                    "may have others.",
                    name=found.of,
                )
            ),
            "caution",
        )
    if not home.count("all"):
        yield Para(str(_("Nothing that is bought from a third party is on record yet.")), "lead")
        return
    yield Para(_sentence(home), "lead")
    if home.waiting:
        text = ngettext(
            "This report is not complete: one engagement is being worked out at this moment. No number but that of "
            "all engagements counts it. Make the report again in a few minutes.",
            "This report is not complete: %(num)s engagements are being worked out at this moment. No number but that "
            "of all engagements counts them. Make the report again in a few minutes.",
            home.waiting,
        )
        yield Para(str(text), "caution")
    yield Bars(
        str(_("Residual risk of the engagements")),
        (str(_("Residual risk")), str(_("Engagements"))),
        tuple(Part(one.label, one.figure.count, one.tone) for one in shown.risks(home)),
    )
    yield Heading(3, str(_("What needs attention")))
    yield Bullets(tuple(_attention(home)))


def _sentence(home: Home) -> str:
    risks = dict(home.residual)
    grave = risks.get("critical", 0) + risks.get("high", 0)
    said = str(
        ngettext("One engagement is on record.", "%(num)s engagements are on record.", home.count("all"))
    )
    if grave:
        one = "One leaves a high or critical risk."
        said += " " + str(ngettext(one, "%(num)s leave a high or critical risk.", grave))
    if home.waiting:
        return said
    unknown = risks.get("none", 0)
    if unknown == home.count("all"):
        text = _(
            "The residual risk is not known: of what the policy asks for, nothing that counts today has a band."
        )
        return f"{said} {text}"
    if not grave:
        said += " " + str(_("None of those that are assessed leaves a high or critical risk."))
    if unknown:
        said += " " + str(ngettext("Of one it is not known.", "Of %(num)s it is not known.", unknown))
    return said


def _attention(home: Home) -> Iterator[str]:
    """Each a number of the home page in a sentence; what is nothing is said too, in one word, where that is sure."""

    def _said(what: object, count: int) -> str:
        none = _("none among those that are worked out") if home.waiting else _("none")
        return f"{what}: {count if count else none}"

    yield _said(_("Blocked gates"), home.count("gate:blocked"))
    below = _said(_("Results below what the policy lets pass"), home.count("below"))
    if home.count("below"):
        below += ", " + str(
            _(
                "of which %(number)s with neither a condition nor an accepted risk",
                number=home.count("below:uncovered") or _("none"),
            )
        )
    yield below
    yield _said(_("Engagements that lack a questionnaire that the policy asks for"), home.count("missing"))
    yield _said(_("Gates that no longer hold as decided"), home.count("gate:lapsed"))
    yield _said(_("Gates that end within 30 days"), home.count("gate:lapsing"))
    yield _said(_("Accepted risks in force"), home.count("exceptions:force"))
    yield _said(_("Assessments overdue"), home.count("assessments:late"))
    yield _said(_("Findings overdue"), home.count("findings:overdue"))
    yield _said(_("Critical findings open"), home.count("findings:critical"))
    yield _said(_("High findings open"), home.count("findings:high"))


# ---------------------------------------------------------------------------------------------------------------- risk


def _risk(home: Home) -> Iterator[Block]:
    yield Heading(1, str(_("Where it stands")), "1")
    yield Heading(2, str(_("Tier by result")), "1.1")
    head = tuple(shown.level(one) for one in home.matrix.levels)

    def square(cell: Cell) -> Square:
        known = cell.tier and cell.level.isdigit()
        tone = RISK_TONES[home.policy.residual(cell.tier, int(cell.level))] if known else "none"
        return Square(cell.count, tone if cell.count else "none", cell.framed)

    rows = [(str(TIER_WORDS[row[0].tier]), tuple(square(one) for one in row)) for row in home.matrix.rows]
    sums = (str(_("All")), tuple(Square(one.count) for one in home.matrix.sums))
    yield MatrixBlock(
        str(_("Engagements by tier and by the worst result that counts")),
        str(_("Tier")),
        (*head, str(_("All"))),
        (*rows, sums),
        str(_("A thick frame marks results below what the policy lets pass at that tier.")),
    )


def _changes(home: Home) -> Iterator[Block]:
    yield Heading(2, str(_("What changed since %(day)s", day=short_date(home.since))), "1.2")
    if home.begins is None:
        text = _("No result or gate is on record from before, so those are not compared.")
        yield Para(str(text), "info")
    elif home.begins >= home.since:
        day = short_date(home.begins)
        text = _("The record of changes begins on %(day)s; what changed before it is not counted.", day=day)
        yield Para(str(text), "info")
    rows = tuple(
        (State(tone, str(label)), str(home.count(f"changes:{what}")))
        for what, (tone, _icon, label) in shown.CHANGES.items()
    )
    yield Table(
        str(_("Engagements that changed")),
        (str(_("What")), str(_("Engagements"))),
        rows,
        frozenset({1}),
        widths=(75, 25),
    )


# --------------------------------------------------------------------------------------------------------------- gates


def _gates(home: Home) -> Iterator[Block]:
    yield Heading(1, str(_("Gates and accepted risks")), "2")
    yield Heading(2, str(_("What may be bought")), "2.1")
    yield Bars(
        str(_("What counts at the gates today")),
        (str(_("Gate")), str(_("Engagements"))),
        tuple(Part(one.label, one.figure.count, one.tone) for one in shown.gates(home)),
    )
    yield Heading(3, str(_("Gates that end within 30 days")))
    count = home.count("gate:lapsing")
    if not count:
        yield Para(
            str(_("None is known while some are being worked out.") if home.waiting else _("There are none."))
        )
        return
    yield Table(
        str(_("The first to end")),
        (str(_("Engagement")), str(_("Vendor")), str(_("Tier")), str(_("Ends on"))),
        tuple(
            (
                one.engagement.name,
                one.vendor.name,
                str(TIER_WORDS[one.engagement.tier]),
                short_date(one.stands.lapses_on) if one.stands is not None and one.stands.lapses_on else "",
            )
            for one in home.lapsing
        ),
        widths=(36, 32, 14, 18),
    )
    if count > len(home.lapsing):
        yield Para(str(_("These are %(some)s of %(all)s.", some=len(home.lapsing), all=count)), "small")


def _exceptions(found: Found) -> Iterator[Block]:
    home = found.home
    yield Heading(2, str(_("Risks that are accepted for a time")), "2.2")
    count = home.count("exceptions:force")
    if not count:
        yield Para(str(_("There are none.")))
        return
    rows = tuple(
        (
            words.ground_name(one.exception.code),
            one.engagement.name,
            one.vendor.name,
            str(TIER_WORDS[one.engagement.tier]),
            short_date(one.exception.until),
            found.people.get(str(one.exception.settled_by), str(_("somebody"))),
        )
        for one in found.accepted
    )
    head = (_("Ground"), _("Engagement"), _("Vendor"), _("Tier"), _("Until"), _("Approved by"))
    yield Table(
        str(_("Exceptions in force, the first to end first")),
        tuple(str(one) for one in head),
        rows,
        widths=(18, 22, 20, 11, 13, 16),
    )
    if count > len(found.accepted):
        yield Para(str(_("These are %(some)s of %(all)s.", some=len(found.accepted), all=count)), "small")


def _parties(home: Home) -> Iterator[Block]:
    yield Heading(2, str(_("On whom vendors depend")), "2.3")
    if not home.parties and home.waiting:
        yield Para(str(_("None is known while some engagements are being worked out.")))
        return
    if not home.parties:
        yield Para(str(_("No vendor whose answers count has named a supplier of its own.")))
        return
    yield Table(
        str(_("Firms that vendors name as their own suppliers, by what rests on them")),
        (str(_("Firm")), str(_("Critical tier")), str(_("High tier"))),
        tuple(
            (
                one.name,
                str(_("%(some)s of %(all)s", some=one.critical, all=one.of_critical)),
                str(_("%(some)s of %(all)s", some=one.high, all=one.of_high)),
            )
            for one in home.parties
        ),
        frozenset({1, 2}),
        widths=(60, 20, 20),
    )


def _months(home: Home) -> Iterator[Block]:
    yield Heading(2, str(_("Audits that are coming")), "2.4")
    if home.months.busiest is None:
        yield Para(str(_("No assessment is due in the next twelve months.")))
    else:
        yield Columns(
            str(_("Next assessments by the month in which they are due")),
            str(_("Month")),
            (str(_("Critical and high tier")), str(_("Medium and low tier"))),
            tuple(Column(_month(one.first), one.upper, one.lower) for one in home.months.columns),
        )
    if home.months.late:
        text = ngettext("One is late.", "%(num)s are late.", home.months.late)
        yield Para(str(text), "caution")


def _month(first: date) -> str:
    """``Nov 2026``: short enough to stand under a column."""
    return short_date(first).partition(" ")[2]


# -------------------------------------------------------------------------------------------------------------- method


def _rests_on(found: Found) -> Iterator[tuple[str, str]]:
    policy = found.home.policy
    if found.of:
        yield str(_("Only the engagements of")), found.of
    yield str(_("Policy, version %(number)s", number=policy.sequence)), policy.content_hash
    yield str(_("Day of the figures")), found.home.today.isoformat()
    yield str(_("Compared with")), found.home.since.isoformat()
    for one in found.accepted:
        yield str(_("Exception: %(name)s", name=one.engagement.name)), str(one.exception.id)


def _method(found: Found) -> Iterator[Block]:
    yield Heading(1, str(_("How the numbers come about")), "3")
    yield Bullets(
        (
            str(_("Each number is that of the portal's home page, which counts the list that it opens.")),
            str(
                _(
                    "The result of an engagement is the worst band among those questionnaires that the policy asks "
                    "for and whose answers count today: what has run out or was removed does not. Open answers count "
                    "as if they were the worst. Residual risk is what the policy's matrix says of tier and result."
                )
            ),
            str(
                _(
                    "A gate is what a person decided, or less: it ends by itself on its last day, when a condition is "
                    "not met, and when what it rests on becomes worse."
                )
            ),
            str(_("Vendors that have been offboarded are left out.")),
            str(
                _(
                    "Suppliers of vendors are those that answers which count today name; nobody has checked them."
                )
            ),
            str(
                _(
                    "Reasons and notes that people wrote are left out; the portal has them. Names of vendors, of the "
                    "firms that vendors named and of who approved stand in this file, so pass it on to those only who "
                    "may know them."
                )
            ),
        )
    )
    yield Heading(3, str(_("What this report rests on")))
    yield Facts(tuple(_rests_on(found)))
