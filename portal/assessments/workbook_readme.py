"""The first sheet of a workbook, in words: what to do, by when, for whom, and what an empty cell means."""

from __future__ import annotations

from typing import Protocol

from portal.assessments.answering_words import _


class Said(Protocol):
    """What the first sheet is about (workbook_writing.About)."""

    @property
    def subject(self) -> str: ...
    @property
    def asker(self) -> str: ...
    @property
    def company(self) -> str: ...
    @property
    def person(self) -> str: ...
    @property
    def due(self) -> str: ...
    @property
    def made(self) -> str: ...
    @property
    def partial(self) -> bool: ...
    @property
    def returned(self) -> bool: ...


def lines(about: Said) -> list[tuple[str, str]]:
    """(label, text) of each line."""
    whose = (
        _("The questions that were given to you. Colleagues answer the others.")
        if about.partial
        else _("Every question, also those that are asked only after a certain answer.")
    )
    if about.returned:
        whose = _("Only what %(asker)s has returned to you, and what its answers open.", asker=about.asker)
        whose += " " + (
            _("Of that, the questions that were given to you; colleagues answer the others.")
            if about.partial
            else _("Everything else stands as you submitted it.")
        )
    return [
        (_("Asked by"), about.asker),
        (_("About"), about.subject),
        (_("Answered by"), about.company),
        (_("Due"), about.due),
        (_("Made for"), _("%(person)s, %(made)s", person=about.person, made=about.made)),
        (_("What is in it"), whose),
        ("", ""),
        (
            _("1. Answer"),
            _("Fill in the column “Your answer” on the sheet “Questions”. White cells are yours."),
        ),
        (
            _("2. Save"),
            _("Save the file as an Excel workbook (.xlsx), without a password, whatever program you use."),
        ),
        (
            _("3. Upload"),
            _(
                "Upload it where you got it: “Work in a spreadsheet” on the page of this questionnaire. You see "
                "everything that would change and choose what is taken over. Nothing is submitted by that."
            ),
        ),
        ("", ""),
        (
            _("Several options"),
            _("Each option has a line of its own below the question. Write yes or no there."),
        ),
        (
            _("Tables"),
            _("A question that is answered in rows has a sheet of its own. Use the empty rows for new ones."),
        ),
        (
            _("Not applicable"),
            _("Write yes in that column, leave the answer empty, and say why in the comment."),
        ),
        (
            _("Empty cells"),
            _(
                "An empty cell changes nothing: it never takes an answer away. To take back an answer, a comment or a "
                "row of a table, use the portal."
            ),
        ),
        (
            _("Numbers, dates"),
            _("Numbers without their unit. Dates like 2026-11-21, or as your program writes them."),
        ),
        (
            _("Formulas"),
            _("A cell with a formula is not taken over. Copy it and paste its value in its place."),
        ),
        (
            _("Grey columns"),
            _(
                "They lead each answer back to its question. You may sort, hide or move rows and columns, as long as a "
                "row stays whole. Do not merge cells. The sheets are protected without a password, against slips only."
            ),
        ),
        (
            _("Colleagues"),
            _(
                "If a colleague answers a question meanwhile, nothing is overwritten: the portal shows you both "
                "answers, and you choose."
            ),
        ),
        (_("Documents"), _("Documents are added in the portal, not here.")),
    ]
