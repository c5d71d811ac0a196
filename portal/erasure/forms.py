"""Forms of erasure: why, which answers, and the person's own."""

from __future__ import annotations

from wtforms import BooleanField, RadioField, SelectMultipleField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Length

from portal.accounts.forms import Proof
from portal.erasure.service import LONGEST_REASON
from portal.forms import Form, NoControls, clean


def _reason() -> TextAreaField:
    return TextAreaField(
        "Why",
        [
            DataRequired("Write why: the second person decides by it."),
            Length(max=LONGEST_REASON, message=f"Write at most {LONGEST_REASON} characters."),
            NoControls(lines=True),
        ],
        filters=[clean],
        description="For the second person. It is destroyed with what it is about, so write no answer into it.",
    )


class Propose(Form):
    reason = _reason()


class ProposeAnswers(Form):
    which = RadioField(
        "Which answers",
        choices={
            "all": "All of them, with the attestation and everything that was written about them",
            "some": "Only the answers ticked below",
        },
        validators=[InputRequired("Choose one.")],
    )
    keys = SelectMultipleField("Answers", choices=[])
    reason = _reason()


class EraseMe(Proof):
    """The strongest proof that the person has given: password and, of who has a second factor, a code."""

    sure = BooleanField(
        "I know that nobody can bring my account back",
        validators=[DataRequired("Tick the box if you are sure.")],
    )
