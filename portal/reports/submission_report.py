"""What a report says of one submission: its result with the trace, so that every number can be checked by hand."""

from __future__ import annotations

from collections.abc import Iterator

from flask_babel import gettext as _
from flask_babel import ngettext

from portal.apportion import decimals
from portal.evidence.kinds import evidence_name
from portal.formats import moment, short_date
from portal.reports.model import Block, Facts, Heading, Para, Range, State, Table, Zone
from portal.reports.page import Amounts, ResultPage, Row, total
from portal.reports.queries import Report

LEVEL_TONES = {4: "good", 3: "fair", 2: "caution", 1: "bad"}
LONGEST_ANSWER = 4000  # characters of one answer; the portal has the rest
AMOUNTS = frozenset({2, 3, 4, 5, 6})


def blocks(report: Report, number: str) -> Iterator[Block]:
    """The section about ``report``, numbered ``number``."""
    page, submission, rating = report.page, report.rated.submission, report.rated.rating
    assert page is not None  # the organisation sees all
    yield Heading(1, report.definition.title, number)
    yield Facts(
        (
            (str(_("Asked for")), ", ".join(one.name for one in report.engagements)),
            (str(_("Version")), report.definition.version),
            (str(_("As of")), short_date(submission.as_of)),
            (str(_("Submitted")), moment(submission.sealed_at, report.organisation.zone)),
            (str(_("Signed by")), _signed(report)),
            (
                str(_("Rating")),
                str(_("number %(number)s, %(method)s", number=rating.sequence, method=rating.method)),
            ),
        )
    )
    yield from _gone(report)
    if not page.scorable:
        yield Para(str(_("This questionnaire gives no points: its answers are read, not counted.")))
        return
    yield Heading(2, str(_("Result")), f"{number}.1")
    yield _range(page)
    if not page.assessed:
        yield Para(str(_("Nothing is assessed yet.")))
        return
    yield Para(_result(page))
    yield from _sums(page, number)
    yield from _trace(report, page, number)
    yield from _documents(report, number)


def _signed(report: Report) -> str:
    name = str(report.rated.attestation.get("name", ""))
    role = str(report.rated.attestation.get("role", ""))
    return ", ".join(one for one in (name, role) if one) or str(_("removed"))


def _gone(report: Report) -> Iterator[Block]:
    proof = report.rated.proof
    if proof.redacted:
        text = ngettext(
            "One answer was removed on record; its hash still stands in the seal.",
            "%(num)s answers were removed on record; their hashes still stand in the seal.",
            len(proof.redacted),
        )
        yield Para(str(text), "info")
    if proof.broken:
        text = ngettext(
            "One answer does not fit the seal.", "%(num)s answers do not fit the seal.", len(proof.broken)
        )
        yield Para(str(text), "bad")


def _range(page: ResultPage) -> Range:
    held = page.holding[0] if page.holding else None
    return Range(
        str(_("The score on its scale")),
        tuple(Zone(one.name, one.label, one.minimum, one.level) for one in page.bands),
        decimals(page.sum.total.counts) if page.sum else None,
        decimals(page.sum.highest) if page.sum else None,
        page.band.name if page.band else "",
        (str(_("held by %(what)s", what=held.number or held.text)) if held else ""),
    )


def _result(page: ResultPage) -> str:
    if page.sum is None or page.band is None:
        return ""
    low, high = decimals(page.sum.total.counts), decimals(page.sum.highest)
    if low == high:
        found = _("The score is %(low)s of 100: %(band)s.", low=low, band=page.band.label)
    else:
        found = _(
            "%(low)s of 100 is proven, and at most %(high)s is possible: %(band)s today.",
            low=low,
            high=high,
            band=page.band.label,
        )
    if page.best_band is not None and page.best_band != page.band:
        found += " " + _("With what is open it may become %(band)s.", band=page.best_band.label)
    if page.held and page.number_band is not None:
        found += " " + _("By the number alone it would be %(band)s.", band=page.number_band.label)
    return str(found)


def _amounts(amounts: Amounts) -> tuple[str, str, str, str]:
    return decimals(amounts.share), decimals(amounts.counts), decimals(amounts.open), decimals(amounts.lost)


def _sums(page: ResultPage, number: str) -> Iterator[Block]:
    yield Heading(3, str(_("By section")))
    yield Table(
        str(_("What each section has of the 100")),
        tuple(
            str(one)
            for one in (_("Section"), _("Points"), _("Of the 100"), _("Counts"), _("Open"), _("Lost"))
        ),
        tuple((f"{one.number} {one.title}", one.points, *_amounts(one.amounts)) for one in page.sections),
        frozenset({1, 2, 3, 4, 5}),
        (str(_("Together")), "", *_amounts(total(page.sections))),
        (36, 14, 13, 13, 12, 12),
    )
    if page.holds:
        yield Heading(3, str(_("What limits the band")))
        yield Table(
            str(_("Knock-outs and limits")),
            (str(_("What")), str(_("Answer")), str(_("At best")), str(_("State"))),
            tuple(
                (
                    f"{one.number} {one.text}".strip(),
                    "; ".join(one.answer),
                    one.label,
                    State("bad", str(_("Holds"))) if one.certain else State("caution", str(_("May hold"))),
                )
                for one in page.holds
            ),
            widths=(46, 26, 14, 14),
        )


def _trace(report: Report, page: ResultPage, number: str) -> Iterator[Block]:
    yield Heading(2, str(_("Every question that counts")), f"{number}.2")
    yield Para(
        str(_("What counts, is open and is lost adds up to each question's part of the 100.")), "small"
    )
    yield Table(
        str(_("The trace of the result")),
        tuple(
            str(one)
            for one in (
                _("Question"),
                _("Answer"),
                _("Points"),
                _("Of the 100"),
                _("Counts"),
                _("Open"),
                _("Lost"),
            )
        ),
        tuple(_question(report, one) for one in page.rows),
        AMOUNTS,
        (str(_("Together")), "", "", *_amounts(total(page.rows))),
        (32, 28, 9, 9, 8, 7, 7),
    )


def _question(report: Report, row: Row) -> tuple[str, ...]:
    answer = "\n".join(row.answer)
    if row.key in report.rated.proof.redacted:
        answer = str(_("removed on record"))
    if len(answer) > LONGEST_ANSWER:
        answer = answer[:LONGEST_ANSWER] + " " + str(_("... (the portal shows the rest)"))
    return f"{row.number} {row.text}", answer, row.points, *_amounts(row.amounts)


def _documents(report: Report, number: str) -> Iterator[Block]:
    rows = [
        (
            one.title,
            evidence_name(one.kind),
            short_date(one.issued) if one.issued else "",
            short_date(one.expires) if one.expires else str(_("no end")),
            one.sha256[:12],
        )
        for one in dict.fromkeys(each for some in report.rated.documents.values() for each in some)
    ]
    if not rows:
        return
    yield Heading(2, str(_("Documents beside the answers")), f"{number}.3")
    yield Table(
        str(_("Documents as they were sealed")),
        tuple(
            str(one) for one in (_("Document"), _("Kind"), _("Issued"), _("Valid until"), _("SHA-256 begins"))
        ),
        tuple(rows),
        widths=(34, 26, 13, 13, 14),
    )
