"""Forms about a document: the file, and what is said of it."""

from __future__ import annotations

from datetime import date
from typing import Any

from wtforms import FileField, SelectField
from wtforms.validators import Optional

from portal.evidence.kinds import document_choices, evidence_name
from portal.evidence.service import Described
from portal.forms import DateField, Form, clean, line, needed

LONGEST_TITLE = 200


class DocumentForm(Form):
    """Kind, title and dates. ``title`` may stay empty for a new document: then the file's name is its title."""

    kind = SelectField(
        "What it is",
        [needed("Choose what it is.")],
        validate_choice=True,
        description="As exactly as you can: an ISO 27001 certificate counts where any certificate is asked for.",
    )
    title = line(
        "Title",
        longest=LONGEST_TITLE,
        description="How your team finds it again, and what a reader of your answers sees.",
    )
    issued = DateField(
        "Date of issue",
        [Optional()],
        description="The date that the document itself bears: when it was issued, tested or signed; of a SOC 2 report "
        "the last day of its period.",
    )
    expires = DateField(
        "Valid until",
        [Optional()],
        description="The last day on which it holds. Left empty, a test, a self-assessment or a certificate or report "
        "that the list names holds for as long as is usual from its date of issue: ISO 27001 three years, HITRUST r2 "
        "two, the others one. You can change that later.",
    )

    def __init__(self, *args: Any, kinds: tuple[str, ...] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = document_choices()
        more = [(one, evidence_name(one)) for one in kinds if one not in dict(known)]
        self.kind.choices = [(value, words[:1].upper() + words[1:]) for value, words in [*more, *known]]

    def described(self) -> Described:
        """What was typed; after validate()."""
        issued: date | None = self.issued.data
        expires: date | None = self.expires.data
        return Described(self.kind.data or "", clean(self.title.data), issued, expires)


class UploadForm(DocumentForm):
    """The same with the file. Its content is examined by uploads.keep, not here."""

    file = FileField(
        "File",
        description="PDF, picture, office file, CSV or plain text, at most 25 MB. You may black out names.",
    )
