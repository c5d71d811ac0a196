"""Forms for signing in and for passwords."""

from __future__ import annotations

from typing import Any

from wtforms import EmailField, PasswordField, StringField, ValidationError
from wtforms.validators import DataRequired, Length

from portal.accounts.passwords import LONGEST
from portal.accounts.service import mail_address
from portal.forms import Form, NoControls, clean, line, name_line


class Address:
    """One mail address in a form that mail servers take; ``.example`` and friends are fine in a demonstration."""

    def __call__(self, form: Any, field: Any) -> None:
        try:
            field.data = mail_address(field.data or "")
        except ValueError:
            raise ValidationError(
                f"Write one mail address, such as name@company.example. You wrote '{(field.data or '')[:80]}'."
            ) from None


def email_field(label: str, description: str = "") -> EmailField:
    """A mail address, trimmed."""
    return EmailField(
        label,
        [
            DataRequired("Write a mail address."),
            Length(max=254, message="Write at most 254 characters."),
            NoControls(),
            Address(),
        ],
        filters=[clean],
        description=description,
    )


def new_password_field(label: str = "Password") -> PasswordField:
    return PasswordField(
        label,
        [
            DataRequired("Choose a password."),
            Length(max=LONGEST, message=f"Use at most {LONGEST} characters."),
        ],
        description="At least 12 characters. Four unrelated words are easy to remember and hard to guess.",
    )


class SignIn(Form):
    email = EmailField(
        "E-mail address",
        [DataRequired("Write your mail address."), Length(max=254), NoControls()],
        filters=[clean],
    )
    password = PasswordField("Password", [DataRequired("Write your password."), Length(max=LONGEST)])


class AskReset(Form):
    email = email_field("E-mail address")


class NewPassword(Form):
    password = new_password_field()


class ChangePassword(Form):
    current = PasswordField(
        "Current password", [DataRequired("Write the password that you have now."), Length(max=LONGEST)]
    )
    password = new_password_field("New password")


class FirstPassword(Form):
    """The password asked again, before something that a thief of an open browser must not do."""

    current = PasswordField(
        "Your password", [DataRequired("Write the password that you have now."), Length(max=LONGEST)]
    )


def code_field(label: str, description: str) -> StringField:
    return StringField(
        label,
        [DataRequired("Write the code."), Length(max=60, message="A code is shorter."), NoControls()],
        filters=[clean],
        description=description,
    )


class SecondStep(Form):
    code = code_field(
        "Code",
        "Six digits from your authenticator app. Without your phone: one of your recovery codes.",
    )


class FirstCode(Form):
    code = code_field("Code that the app shows", "Six digits. They change every half minute.")


class PasskeyName(Form):
    name = line(
        "What you call it",
        required="Write a name.",
        longest=60,
        description="Such as where it lies: a phone, a key on your ring, a password manager. You alone see it.",
    )


class Proof(FirstPassword):
    """Password and, of who has a second factor, a code."""

    code = code_field("Code", "Six digits from your authenticator app, or a recovery code.")


class ChangeName(Form):
    name = name_line(
        "Your name", required="Write your name.", description="As colleagues and reviewers know you."
    )


class ChangeAddress(Proof):
    email = email_field("New e-mail address")


class NewAccount(Form):
    name = name_line(
        "Your name", required="Write your name.", description="As colleagues and reviewers know you."
    )
    password = new_password_field()
