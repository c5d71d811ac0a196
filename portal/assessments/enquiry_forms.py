"""Forms of enquiries, of either side. What a field needs is said by the services, so that every door says the same."""

from __future__ import annotations

from wtforms import HiddenField, StringField, TextAreaField
from wtforms.validators import Length, Optional

from portal.forms import DateField, Form, NoControls, clean, name_line


def words(label: str, description: str = "") -> TextAreaField:
    """Some sentences of at most 4000 characters."""
    return TextAreaField(
        label,
        [Length(max=4000, message="Write at most 4,000 characters."), NoControls(lines=True)],
        filters=[clean],
        description=description,
        render_kw={"rows": 4},
    )


class Asking(Form):
    """Whatever a company asks; the page shows the fields of its kind."""

    text = words("Your words")
    wanted = DateField("Until when", [Optional()])
    name = name_line("Name of the right person", required="")
    email = StringField(
        "E-mail address of the right person",
        [Length(max=254, message="Write at most 254 characters."), NoControls()],
        filters=[clean],
    )


class Saying(Form):
    """One more message."""

    text = words("Your words")


class Changing(Form):
    """What an organisation changes; the page shows the fields of its kind.

    ``stamp``: what the page rested on (change_steps.stamp).
    """

    due = DateField("New due date", [Optional()])
    name = name_line("Name", required="")
    email = StringField(
        "E-mail address",
        [Length(max=254, message="Write at most 254 characters."), NoControls()],
        filters=[clean],
    )
    text = words("Your words to the vendor", "The vendor reads them in the letter and on its page.")
    stamp = HiddenField()
