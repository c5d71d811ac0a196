"""Forms of incidents, of either side. What a field needs is said by the service, so that every door says the same."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, RadioField, SelectMultipleField, TextAreaField
from wtforms.validators import Length, Optional

from portal.forms import DateField, Form, NoControls, clean

KIND_WORDS = {
    "breach": _l("A breach of security or of data"),
    "outage": _l("An outage"),
    "ownership": _l("A change of ownership"),
    "subprocessor": _l("A new subprocessor"),
    "location": _l("Another place where data lies"),
    "other": _l("Something else"),
}


def _words(label: str, rows: int) -> TextAreaField:
    return TextAreaField(
        label,
        [Length(max=4000, message="Write at most 4,000 characters."), NoControls(lines=True)],
        filters=[clean],
        render_kw={"rows": rows},
    )


class Saying(Form):
    """One more entry. ``shared``: of a member, whether the vendor reads it."""

    words = _words("What you want to add", 4)
    shared = BooleanField("The vendor reads this, too, and its owners get a letter")


class Reporting(Form):
    """A new incident, told by a company or noted about a vendor."""

    kind = RadioField("What kind it is", [Optional()], validate_choice=False)
    happened = DateField(
        "When it happened", [Optional()], description="Leave it empty while nobody knows the day."
    )
    words = _words("What happened", 5)
    shared = BooleanField("The vendor reads this, too, and its owners get a letter")
    clients = SelectMultipleField("Whom you tell", [Optional()], validate_choice=False)

    def __init__(self, *args: Any, clients: Iterable[tuple[str, str]] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind.choices = [(name, str(words)) for name, words in KIND_WORDS.items()]
        self.clients.choices = list(clients)
