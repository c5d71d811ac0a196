"""Imports a questionnaire of VSAQ (google/vsaq), with a report of what changed on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from questionnaires.conditions import ConditionError, parse
from questionnaires.interchange.markup import clean
from questionnaires.interchange.result import ImportReport, ImportResult, Notes, bands_json, report
from questionnaires.interchange.vsaq_conditions import Expression, written
from questionnaires.interchange.vsaq_drafts import Draft, Page, cut, joined_help
from questionnaires.interchange.vsaq_items import Item, Source, VsaqError, load
from questionnaires.interchange.vsaq_layout import Layout
from questionnaires.interchange.vsaq_links import Links
from questionnaires.interchange.vsaq_scoring import MINIMUM, propose
from questionnaires.interchange.vsaq_tips import place_tips
from questionnaires.patterns import SLUG, VERSION

__all__ = ["ImportReport", "ImportResult", "VsaqError", "read_vsaq"]


def read_vsaq(
    data: bytes,
    *,
    slug: str,
    title: str | None = None,
    version: str = "1.0.0",
    extensions: Sequence[bytes] = (),
) -> ImportResult:
    """Import a VSAQ file of at most 1 MB, with extensions put where they say.

    Keys begin with ``own.<slug>.``. Raises VsaqError with place and reason where the file cannot be read;
    what can be read and has no counterpart is listed in the report instead.
    """
    if not SLUG.fullmatch(slug):
        raise VsaqError(f"the slug {slug[:60]!r} must be lower-case letters, digits, _ and -")
    if not VERSION.fullmatch(version):
        raise VsaqError(f"the version {version[:60]!r} must be three numbers such as 1.0.0")
    notes = Notes()
    source = load(data, extensions, notes)
    layout = Layout(slug, notes)
    root = source.items[0] if len(source.items) == 1 and source.items[0].kind == "block" else None
    layout.block(root.items if root else source.items, (root,) if root else (), (root.text if root else "",))
    layout.few()
    links = Links(layout, notes)
    links.settle()
    propose(links, place_tips(layout, links, notes), notes)
    sections = [found for page in layout.pages if (found := _section(page, links, notes))]
    if not sections:
        raise VsaqError("the file asks nothing: there is no question that could be carried over")
    heading = " ".join((title or (root.text if root else "") or slug).split())
    definition = _header(slug, version, cut(heading, 200), source, sections)
    return ImportResult(definition, _report(definition, source, notes))


def _header(
    slug: str, version: str, title: str, source: Source, sections: list[dict[str, Any]]
) -> dict[str, Any]:
    questions = [question for section in sections for question in section["questions"]]
    definition: dict[str, Any] = {
        "format": 1,
        "slug": slug,
        "version": version,
        "title": title,
        "purpose": "assessment",
        "language": "en",
        "licence": "Apache-2.0" if "Apache License, Version 2.0" in source.notice else "unknown",
        "summary": "Imported from a VSAQ file. Points and weights are a proposal made from its warnings.",
        # The file gives its blocks no weights, so none is made up for them.
        "weighting": "flat",
    }
    if any(question["weight"] or question.get("critical") for question in questions):
        definition["bands"] = bands_json()
    if any(question.get("critical") for question in questions):
        definition["knockout_band"] = "partial"
    definition["sections"] = sections
    return definition


def _section(page: Page, links: Links, notes: Notes) -> dict[str, Any] | None:
    drafts = [draft for draft in page.drafts if draft.key not in links.gone]
    if not drafts:
        return None
    section: dict[str, Any] = {"key": page.key, "title": page.title}
    intro = "\n\n".join(page.intro)
    if intro:
        section["intro"] = cut(intro, 8000)
        if len(intro) > 8000:
            notes.lost.append(f"Section {page.title!r}: the end of the introduction.")
    _condition(section, page.chain, links, notes, f"Section {page.title!r}")
    section["questions"] = [_question(draft, len(page.chain), links, notes) for draft in drafts]
    return section


def _question(draft: Draft, shared: int, links: Links, notes: Notes) -> dict[str, Any]:
    found: dict[str, Any] = {"key": draft.key, "text": draft.text, "type": draft.type}
    if help_text := joined_help(draft, notes):
        found["help"] = help_text
    if draft.options:
        found["options"] = [
            {
                "value": option.value,
                "label": option.label,
                **({} if option.points is None else {"points": option.points}),
                **({"exclusive": True} if option.exclusive else {}),
            }
            for option in draft.options
        ]
    found["weight"] = draft.weight
    if draft.critical:
        found.update(critical=True, minimum=MINIMUM)
    if not draft.required:
        found["required"] = False
    found.update(draft.fields)
    _condition(found, draft.chain[shared:], links, notes, draft.item.place)
    if draft.findings:
        found["finding"] = draft.findings
    found["refs"] = _refs(draft)
    return found


def _condition(
    table: dict[str, Any], chain: tuple[Item, ...], links: Links, notes: Notes, place: str
) -> None:
    expression: Expression = links.visible(chain)
    if expression is True:
        return
    text = written(expression)
    try:
        parse(text)
    except ConditionError as error:
        notes.lost.append(f"{place}: its condition was left out and it is always asked: {error}.")
    else:
        table["visible_when"] = text


def _refs(draft: Draft) -> list[str]:
    ids = [item.id for item in draft.items if item.id]
    if not ids:
        ids = [option.id for option in draft.options if option.id]
    return [cut(f"vsaq:{name}", 200) for name in ids[:100]]


def _report(definition: Mapping[str, Any], source: Source, notes: Notes) -> ImportReport:
    questions = [question for section in definition["sections"] for question in section["questions"]]
    scored = sum(question["weight"] > 0 for question in questions)
    findings = sum(len(question.get("finding", ())) for question in questions)
    lines = [
        f"Import of {definition['title']} as {definition['slug']}@{definition['version']}",
        f"Questions: {len(questions)}, {scored} of them scored. Sections: {len(definition['sections'])}. "
        f"Findings made from warnings: {findings}.",
    ]
    free = sum(question.get("required") is False for question in questions)
    if free:
        lines.append(f"Free texts that may stay empty, as in the file: {free}.")
    if source.notice:
        lines += [
            "",
            "Notice at the head of the file (keep it with what you release):",
            f"  {clean(source.notice)}",
        ]
    return report(lines, "the severities of the warnings", notes)
