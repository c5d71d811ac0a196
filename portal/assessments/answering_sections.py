"""Section pages: reading, saving with and without the autosave script, and what is still missing."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import replace

from flask import jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from portal import web
from portal.access import Permission, Person, requires
from portal.assessments import (
    answering_form,
    answering_moved,
    answering_page,
    answering_round,
    confirming,
    enquiry_queries,
    pace,
    queries,
    sealing,
    service,
)
from portal.assessments.answering_cards import Desk, Typed, cards, numbers, sealed_card
from portal.assessments.answering_desk import asked_by, desk, locked_contents
from portal.assessments.answering_form import Posted
from portal.assessments.documents import DocumentView, sealed_views
from portal.assessments.drafts import EMPTY, Fault
from portal.assessments.models import Assessment, Submission
from portal.assessments.reach import Reach, reach
from portal.assessments.service import FOREIGN, AlreadySubmitted, SaveResult
from portal.faults import Invalid, NotFound
from portal.library import service as library
from portal.organisations import queries as organisations
from questionnaires.definition import Section

Page = str | Response | tuple[str | Response, int]


@requires(Permission.SEE_QUESTIONS)
def section(company: str, assessment: uuid.UUID, section: str) -> Page:
    """The questions of a section that are this person's to answer; as text once they are sealed."""
    one = queries.assessment(web.db(), web.identity(), assessment)
    if one.state != "open":
        return _sealed(one, _section(one, section, _reach(one)))
    at = desk(one, section)
    whole = at.draft.definition.section(section)
    stands = at.reach.seen_section(whole) if whole is not None and at.reach.came is not None else None
    if stands is not None and whole is not None and at.reach.section(whole) is None:
        return _sealed(one, stands)  # nothing of it came back: it stands as it was handed in
    return _open(at, _section(one, section, at.reach))


@requires(Permission.ANSWER)
def save(company: str, assessment: uuid.UUID, section: str) -> Page:
    """Save a section: on to the next one, or the page again with what is wrong. What was good is saved either way."""
    fields = list(request.form.items(multi=True))
    one, reached = _locked(assessment)
    if answering_moved.is_stale(one):
        return answering_moved.page(one, section, fields)
    chosen = _section(one, section, reached)
    posted = answering_form.read(chosen, fields)
    try:
        result, typed, confirmed = _save(one, chosen, posted)
    except AlreadySubmitted:
        return _late(one, chosen, posted)
    if not typed.faults and not typed.conflicts and not posted.foreign:
        if confirmed:
            return _confirmed(one, chosen, confirmed)
        return redirect(
            _onward(one, chosen, result, request.form.get("go", "stay"), reached.within(result.after)), 303
        )
    return _open(desk(one, section), chosen, typed, posted.foreign), 409 if typed.conflicts else 422


@requires(Permission.ANSWER)
def autosave(company: str, assessment: uuid.UUID, section: str) -> Page:
    """The same for one card at a time; answers JSON, see static/autosave.js."""
    fields = list(request.form.items(multi=True))
    one, reached = _locked(assessment)
    if answering_moved.is_stale(one):
        return answering_moved.told(fields)
    chosen = _section(one, section, reached)
    posted = replace(answering_form.read(chosen, fields), confirm="")  # such a button posts the whole page
    if not posted.typed and not posted.foreign:
        raise Invalid("Nothing came that could be saved.")
    result, typed, _none = _save(one, chosen, posted)
    reached = reached.within(result.after)
    at = Desk(one, result.after, {}, _people(typed), web.identity(), web.now(), reached)
    settled = any(posted.choices.get(key) == "theirs" for key in result.settled)
    told = answering_page.told(at, chosen, result, typed, reload=settled)
    told["errors"] |= {name[:200]: FOREIGN for name, _value in posted.foreign}
    return jsonify(told), 409 if typed.conflicts else 422 if told["errors"] else 200


@requires(Permission.SEE_ASSESSMENT)
def missing(company: str, assessment: uuid.UUID) -> Page:
    """What still stands between the draft and a submission, with a link to each place."""
    one = queries.assessment(web.db(), web.identity(), assessment)
    if one.state != "open":
        return redirect(answering_page.settled(one, web.identity()), 303)
    at = desk(one, offered=True)
    if not at.reach.whole:
        return redirect(url_for("delegation.mine", company=company, assessment=assessment), 303)
    return render_template(
        "answering/missing.html",
        **asked_by(one),
        one=one,
        progress=at.progress,
        groups=answering_page.gaps_by_section(at),
        choices=answering_page.choices(at, queries.open_choices(web.db(), web.identity(), one.id)),
        rail=answering_page.rail(at),
    )


def _reach(one: Assessment) -> Reach:
    definition = library.definition(web.db(), one.content_hash)
    return reach(web.db(), web.identity(), one, definition, web.now())


def _locked(assessment: uuid.UUID) -> tuple[Assessment, Reach]:
    """The assessment, its writers taking turns, and what of it is this person's to write."""
    session, identity = web.db(), web.identity()
    one = queries.assessment(session, identity, assessment, lock=True)
    pace.require_measure(session, identity, now=web.now())
    return one, _reach(one)


def _section(one: Assessment, key: str, reached: Reach) -> Section:
    """A section with the questions in reach alone; everything below takes no notice of others."""
    whole = library.definition(web.db(), one.content_hash).section(key)
    found = reached.section(whole) if whole is not None else None
    if found is None:
        raise NotFound
    return found


def _save(one: Assessment, chosen: Section, posted: Posted) -> tuple[SaveResult, Typed, list[str]]:
    """Save what was posted, earlier answers that were confirmed among it; the third are the keys of those."""
    session, identity, now = web.db(), web.identity(), web.now()
    stated = confirming.confirm_posted(session, one, chosen, posted, actor=identity, now=now)
    edits = [each for each in posted.edits if each.key not in stated.wanted] + stated.edits
    result = service.save_answers(session, one, chosen, edits, actor=identity, now=now)
    confirmed = confirming.complete(session, one, stated, result, actor=identity, now=now)
    faults: dict[str, Fault] = {**posted.faults, **result.errors, **stated.faults}
    return result, Typed(posted.typed, posted.revisions, faults, result.conflicts), confirmed


def _confirmed(one: Assessment, chosen: Section, keys: list[str]) -> Response:
    """Back to the section, to what was confirmed last of it."""
    where = answering_page.place(one, web.identity())
    place = url_for("answering.section", **where, section=chosen.key)
    return web.notice(redirect(f"{place}#q-{keys[0]}" if len(keys) == 1 else place, 303), "confirmed")


def _people(typed: Typed) -> dict[uuid.UUID, Person]:
    return organisations.people(web.db(), {clash.who for clash in typed.conflicts.values()})


def _onward(one: Assessment, chosen: Section, result: SaveResult, go: str, reached: Reach) -> str:
    """Where a sound save leads: here again, the next section, or what comes after the last."""
    where = answering_page.place(one, web.identity())
    wanted = go.removeprefix("evidence.")
    if wanted != go and any(each.key == wanted for each in chosen.questions):
        return url_for("showing.question", **where, section=chosen.key, question=wanted)
    if go != "next":
        return url_for("answering.section", **where, section=chosen.key)
    after = answering_page.following(result.after, chosen, reached)
    if after is not None:
        return url_for("answering.section", **where, section=after.key)
    if not reached.whole or reached.link:
        return url_for("delegation.mine", **where)
    return url_for("answering.submit", **where)


def _open(
    at: Desk, chosen: Section, typed: Typed | None = None, foreign: Iterable[tuple[str, str]] = ()
) -> str:
    """The page to answer; with ``typed`` it is a refused one."""
    draft, where = at.draft, answering_page.place(at.assessment, at.viewer)
    shown, asking = cards(at, chosen, typed or Typed()), asked_by(at.assessment)
    answered, total = at.reach.progress(draft.look, chosen)
    done, asked = at.progress
    after = answering_page.following(draft, chosen, at.reach)
    found = answering_page.problems(at, typed, foreign) if typed else []
    return render_template(
        "answering/section.html",
        **asking,
        one=at.assessment,
        section=chosen,
        number=[each.key for each in draft.definition.sections].index(chosen.key) + 1,
        count=len(draft.definition.sections),
        cards=shown,
        threads=_threads(at),
        reviewed=_asked_back(at.assessment),
        nothing_asked=not any(card.visible for card in shown),
        together_numbers=[
            card.number for card in shown if card.visible and card.offer and card.offer.section
        ],
        rail=answering_page.rail(at, chosen.key),
        back=answering_round.came_back(at, asking["asker"]),
        standing=answering_round.standing(at, _whole(at, chosen)),
        done=done,
        total=asked,
        helping=not at.reach.whole or at.reach.link is not None,
        section_done=answered,
        section_total=total,
        saved=answering_page.last_saved(at, chosen),
        problems=found,
        failed=bool(found),
        problem_numbers=[card.number for card in shown if card.error or card.note_error or card.conflict],
        action=url_for("answering.section", **where, section=chosen.key),
        autosave=url_for("answering.autosave", **where, section=chosen.key),
        last=after is None,
    )


def _whole(at: Desk, chosen: Section) -> Section:
    return at.draft.definition.section(chosen.key) or chosen


def _threads(at: Desk) -> dict[str, enquiry_queries.Thread]:
    """What was asked about each question; nothing for helpers who may not ask themselves."""
    if not at.viewer.may(Permission.ASK):
        return {}
    return enquiry_queries.by_question(web.db(), at.viewer, at.assessment.id)


def _asked_back(one: Assessment) -> dict[str, enquiry_queries.Thread]:
    """What the organisation asks about answers, by question; nothing for helpers who may not write back."""
    identity = web.identity()
    if one.submitted_at is None or not identity.may(Permission.ASK):
        return {}
    states = (enquiry_queries.ASKED, enquiry_queries.OPEN)
    return enquiry_queries.by_question(web.db(), identity, one.id, enquiry_queries.REVIEW, states)


def _sealed(one: Assessment, chosen: Section) -> str:
    """The section as text: what is sealed, declined or taken back is never shown as fields."""
    definition = library.definition(web.db(), one.content_hash)
    submission, contents = locked_contents(one)
    reached = _reach(one)
    numbered = numbers(definition)
    beside = _sealed_beside(one, submission, chosen)
    shown = [
        sealed_card(
            definition,
            question,
            numbered[question.key],
            contents.get(question.key, EMPTY),
            beside=beside.get(question.key, ()),
        )
        for question in chosen.questions
        if question.key in contents or question.key in beside
    ]
    where = answering_page.place(one, web.identity())
    listed = [
        (number, each, url_for("answering.section", **where, section=each.key))
        for number, each in enumerate(definition.sections, 1)
        if any(question.key in contents and reached.sees(question.key) for question in each.questions)
    ]
    return render_template(
        "answering/sealed_section.html",
        **asked_by(one),
        one=one,
        section=chosen,
        cards=shown,
        sections=listed,
        submission=submission,
        reviewed=_asked_back(one),
    )


def _sealed_beside(
    one: Assessment, submission: Submission | None, chosen: Section
) -> dict[str, tuple[DocumentView, ...]]:
    """The documents that were sealed with the answers of a section; opened from the company's own library."""
    session, identity = web.db(), web.identity()
    if submission is None or not identity.may(Permission.SEE_EVIDENCE):
        return {}
    found = sealing.documents(queries.papers(session, identity, submission))
    place = {"company": answering_page.place(one, identity)["company"]}
    return {
        each.key: sealed_views(found[each.key], each.evidence, submission.as_of, "evidence.download", place)
        for each in chosen.questions
        if each.key in found
    }


def _late(one: Assessment, chosen: Section, posted: Posted) -> Page:
    """Too late: the answers are locked. What was typed is shown, so that nothing is lost."""
    web.undo()
    definition = library.definition(web.db(), one.content_hash)
    numbered = numbers(definition)
    questions = {each.key: each for each in chosen.questions}
    _submission, contents = locked_contents(one)
    typed = [
        sealed_card(definition, questions[key], numbered[key], content)
        for key, content in posted.typed.items()
        if not content.blank and content != contents.get(key)
    ]
    page = render_template("answering/late.html", **asked_by(one), one=one, cards=typed, failed=True)
    return page, 409
