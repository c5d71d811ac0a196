"""Forms of the review. What a mark needs is said by the service, so that every door says the same."""

from __future__ import annotations

from wtforms import BooleanField, HiddenField, RadioField, SelectField, StringField, TextAreaField
from wtforms.validators import Length, Optional

from portal.forms import DateField, Form, NoControls, clean


def _words(label: str) -> TextAreaField:
    return TextAreaField(
        label,
        [Length(max=4000, message="Write at most 4,000 characters."), NoControls(lines=True)],
        filters=[clean],
        render_kw={"rows": 3},
    )


def _hidden(longest: int) -> HiddenField:
    return HiddenField("", [Length(max=longest), NoControls()])


class Marking(Form):
    """A mark on an answer or a document. ``mark`` ``exempt`` is a grade on a certificate."""

    key = _hidden(200)
    document = _hidden(36)
    seen = _hidden(36)
    show = _hidden(20)
    mark = RadioField("Your mark", [Optional()], validate_choice=False)
    points = StringField(
        "Points, if you grade", [Length(max=10, message="Write whole points from 0 to 100.")]
    )
    certificate = SelectField("Certificate, if exempt", [Optional()], validate_choice=False, default="")
    reason = _words("Reason")
    remark = _words("Internal remark")
    keep = BooleanField("Keep points and reason for this mark")


class Stepping(Form):
    """A step of the whole review. ``seen``: Case.unwritten of the page."""

    seen = _hidden(64)


class Returning(Form):
    """Why and until when; the questions and their reasons are read by key. ``seen``: Case.unwritten of the page."""

    text = _words("Why they come back")
    due = DateField("Answer until", [Optional()])
    seen = _hidden(64)


class Reason(Form):
    """The words at one question that goes back."""

    text = StringField("", [Length(max=4000), NoControls(lines=True)], filters=[clean])


class Asking(Form):
    """A message to the vendor about one answer."""

    key = _hidden(200)
    show = _hidden(20)
    text = _words("Your words to the vendor")


class Noting(Form):
    """An internal note."""

    key = _hidden(200)
    show = _hidden(20)
    text = _words("New note")
