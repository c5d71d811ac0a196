"""Forms that begin a draft and add to it; the pages of its parts read theirs in authoring_form."""

from __future__ import annotations

from typing import Any

from wtforms import SelectField

from portal.forms import Form, line

TYPES: dict[str, Any] = {
    "choice": "One of several answers",
    "choices": "Several of several answers",
    "text": "Words",
    "number": "A number",
    "date": "A date",
    "table": "Rows of a table",
}


class StartForm(Form):
    """``choices`` of ``source`` are set by the page: what may be copied."""

    source = SelectField(
        "Begin with",
        validate_choice=True,
        description="A copy keeps the keys of its questions, so that vendors' earlier answers carry over.",
    )
    title = line(
        "Title", required="Write the title that vendors will read.", description="What vendors read on top."
    )
    slug = line(
        "Short name",
        longest=64,
        description=(
            "Lower-case letters, digits and _. Left empty, it is made from the title. Keep the short name of one of "
            "your own questionnaires to write its next version."
        ),
    )


class SectionForm(Form):
    title = line("Title of the section", required="Write a title.")
    key = line("Key", longest=200, description="Left empty, it is made from the title. It never changes.")


class QuestionForm(Form):
    text = line("The question", required="Write the question.", longest=1000)
    type = SelectField("Kind of answer", choices=dict(TYPES), default="choice")
    key = line("Key", longest=200, description="Left empty, it is made from the question. It never changes.")
