"""Round the cards: the rail of sections, the summary of a refused page, and what autosave is told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import request, url_for

from portal import clock
from portal.access import Identity
from portal.assessments import answering_words as words
from portal.assessments.answering_cards import Desk, Typed, elsewhere, theirs
from portal.assessments.answering_words import _
from portal.assessments.drafts import Draft, Gap
from portal.assessments.models import Assessment, StaleEdit
from portal.assessments.reach import Reach
from portal.assessments.service import SaveResult
from portal.formats import clock_time, moment
from questionnaires.definition import Question, Section


def place(one: Assessment, viewer: Identity) -> dict[str, Any]:
    """URL parameters of the pages of an assessment."""
    assert viewer.company is not None
    return {"company": viewer.company.slug, "assessment": one.id}


def settled(one: Assessment, viewer: Identity) -> str:
    """Where pages of a draft lead once there is none: to the receipt, or to how it was declined or taken back."""
    page = "answering.receipt" if one.state == "submitted" else "answering.assessment"
    return url_for(page, **place(one, viewer))


def chosen_round(rounds: Iterable[tuple[int, Any]]) -> int | None:
    """The round that the address names, ``?round=1``, if there is a submission of it; None for the newest."""
    wanted = request.args.get("round", "")
    return next((number for number, _at in rounds if str(number) == wanted), None)


def rail(desk: Desk, current: str = "") -> list[dict[str, Any]]:
    """Every section in reach; ``asked`` is false for those that ask nothing now."""
    look, where = desk.draft.look, place(desk.assessment, desk.viewer)
    found = []
    for number, section in enumerate(desk.draft.definition.sections, 1):
        if desk.reach.section(section) is None:
            continue
        answered, total = desk.reach.progress(look, section)
        href = url_for("answering.section", **where, section=section.key)
        found.append(
            {
                "number": number,
                "title": section.title,
                "href": href,
                "current": section.key == current,
                "answered": answered,
                "total": total,
                "asked": section.key in look.visible_sections,
            }
        )
    return found


def following(draft: Draft, section: Section, reach: Reach) -> Section | None:
    """The next section in reach that asks anything, None after the last."""
    keys = [one.key for one in draft.definition.sections]
    for later in draft.definition.sections[keys.index(section.key) + 1 :]:
        if later.key in draft.look.visible_sections and reach.section(later) is not None:
            return later
    return None


def next_open(desk: Desk) -> Section | None:
    """The first section in which something is missing for whoever answers, None when all is there."""
    gap = next((one for one in desk.gaps if one.kind != "unaccepted"), None)
    return desk.draft.definition.section_of[gap.key] if gap else None


def last_saved(desk: Desk, section: Section) -> str:
    """When anything in this section was last saved."""
    times = [desk.held[q.key][0].answered_at for q in section.questions if q.key in desk.held]
    if not times:
        return ""
    at, zone = max(times), desk.assessment.zone
    if clock.local_date(at, zone) == clock.local_date(desk.now, zone):
        return _("Saved at %(time)s", time=clock_time(at, zone))
    return _("Saved on %(at)s", at=moment(at, zone))


def problems(desk: Desk, typed: Typed, foreign: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    """The lines of the summary on top of a refused page, each with a link to its field."""
    found = []
    for key in desk.numbers:
        number = desk.numbers[key]
        fault = typed.faults.get(key)
        if key in typed.conflicts:
            who = desk.name(typed.conflicts[key].who)
            text = _("%(who)s answered this while you were writing. Choose which answer stands", who=who)
            if typed.conflicts[key].who == desk.viewer.person.id:
                text = _("You answered this in another window too. Choose which answer stands")
            found.append({"href": f"#q-{key}", "text": f"{number} {text}"})
        elif fault is not None:
            field_id = "f" if fault.answer else "n" if fault.note else "er" if fault.reason else "ed"
            found.append({"href": f"#{field_id}-{key}", "text": f"{number} {fault.first}"})
    for name, value in list(foreign)[:20]:
        text = _(
            "“%(name)s” is no field of this section, so it was not saved. It held: %(value)s",
            name=name[:100],
            value=value[:1000],
        )
        found.append({"href": "", "text": text})
    return found


# ---------------------------------------------------------------------------------------------------- autosave


def told(desk: Desk, section: Section, result: SaveResult, typed: Typed, *, reload: bool) -> dict[str, Any]:
    """The JSON that static/autosave.js reads; its head describes it. Nothing out of the writer's reach is in it."""
    look = result.after.look
    keys = [one.key for one in section.questions]
    questions = result.after.definition.questions
    label = _("Saved %(time)s", time=clock_time(desk.now, desk.assessment.zone))
    all_answered, all_total = desk.progress
    answered, total = desk.reach.progress(look, section)
    return {
        "saved": {
            key: {"revision": r, "label": label} for key, r in {**result.saved, **result.settled}.items()
        },
        "errors": {key: fault.first for key, fault in typed.faults.items()},
        "conflicts": {
            key: {"theirs": theirs(desk, questions[key], clash), "revision": clash.revision}
            for key, clash in typed.conflicts.items()
        },
        "visible": [key for key in keys if key in look.visible],
        "hidden": [key for key in keys if key not in look.visible],
        "progress": {
            "answered": all_answered,
            "total": all_total,
            "section_answered": answered,
            "section_total": total,
        },
        "reload": reload or _redrawn(desk, section, result),
    }


def _redrawn(desk: Desk, section: Section, result: SaveResult) -> bool:
    """Whether what stays on the page would be drawn differently: marks, reasons, findings, evidence, the rail."""

    def drawn(draft: Draft, question: Question) -> tuple[Any, ...]:
        key = question.key
        return (
            key in draft.look.required,
            key in draft.look.evidence_required,
            () if elsewhere(desk, question) else draft.conditional_findings(question),
            key in draft.look.visible,
        )

    if result.after is result.before:
        return False
    if result.before.asked != result.after.asked:
        return True  # another question came to those that are to be answered, or went
    if desk.reach.whole and result.before.look.visible_sections != result.after.look.visible_sections:
        return True
    return any(drawn(result.before, one) != drawn(result.after, one) for one in section.questions)


# ------------------------------------------------------------------------------------------------ what is missing


def gaps_by_section(desk: Desk) -> list[dict[str, Any]]:
    """The gaps of a draft by section, each with its words and a link to its place."""
    where = place(desk.assessment, desk.viewer)
    groups: dict[str, dict[str, Any]] = {}
    for gap in desk.gaps:
        section = desk.draft.definition.section_of[gap.key]
        href = url_for("answering.section", **where, section=section.key)
        waits = gap.kind == "unaccepted"
        at = url_for("delegation.waiting", **where) if waits else href
        group = groups.setdefault(section.key, {"title": section.title, "href": href, "gaps": []})
        group["gaps"].append(
            {
                "href": f"{at}#q-{gap.key}",
                "number": desk.numbers[gap.key],
                "text": desk.draft.definition.questions[gap.key].text,
                "why": _why_missing(desk, gap),
            }
        )
    return list(groups.values())


def _why_missing(desk: Desk, gap: Gap) -> str:
    """What is wrong with an answer; "" where there simply is none."""
    match gap.kind:
        case "suggested":
            return _("You answered this before. Say whether it is still true, or answer anew.")
        case "outdated":
            return _("The answer no longer fits. %(message)s", message=gap.text)
        case "promise":
            kind = desk.draft.definition.questions[gap.key].evidence
            name = words.evidence_name(kind.kind) if kind else ""
            if desk.draft.documents.get(gap.key):
                return _(
                    "Evidence is asked for (%(kind)s), and what lies there does not prove it today: "
                    "add a newer document, or say why you cannot.",
                    kind=name,
                )
            return _("Evidence is asked for (%(kind)s): add it, or say why it cannot be shared.", kind=name)
        case "promise_past":
            return _("The day for which the evidence was promised has passed. Give a new one.")
        case "unaccepted":
            row = desk.held[gap.key][0] if gap.key in desk.held else None
            if row is None or not row.delegation_id:
                return _("A document came through a link. An owner reads and accepts it before it is sent.")
            return _(
                "%(who)s answered this %(through)s. An owner reads and accepts it before it is sent.",
                who=desk.name(row.answered_by),
                through=desk.through(row),
            )
        case _:
            return ""


def choices(desk: Desk, edits: Iterable[StaleEdit]) -> list[dict[str, Any]]:
    """Second answers of the team that wait for a choice; only whoever wrote one can settle it."""
    where = place(desk.assessment, desk.viewer)
    found = []
    for edit in edits:
        if not desk.reach.covers(edit.key) or edit.key not in desk.draft.definition.questions:
            continue  # given away to others, or not asked any more since a move to another version
        section = desk.draft.definition.section_of[edit.key]
        found.append(
            {
                "href": url_for("answering.section", **where, section=section.key) + f"#q-{edit.key}",
                "number": desk.numbers[edit.key],
                "text": desk.draft.definition.questions[edit.key].text,
                "mine": edit.person_id == desk.viewer.person.id,
                "who": desk.name(edit.person_id),
            }
        )
    return found
