"""Letters: rendered from templates, sent by SMTP, to the console, or into a folder."""

from __future__ import annotations

import os
import re
import smtplib
import ssl
import sys
from email.message import EmailMessage
from email.utils import format_datetime, formataddr, parseaddr
from functools import cache
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from portal.db import refuse_slow_work
from portal.outbox import Letter, Message
from portal.settings import Settings

TIMEOUT_SECONDS = 30


class PermanentFailure(Exception):
    """The recipient or the message is refused for good; trying again is of no use."""


class Mailer(Protocol):
    """Where letters go. ``send`` returns when the letter is taken, else raises OSError or PermanentFailure."""

    def send(self, message: Message) -> None: ...


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.install_null_translations(newstyle=True)  # type: ignore[attr-defined]  # added by the i18n extension
    from portal.formats import FILTERS

    environment.filters.update(FILTERS)
    return environment


def compose(
    kind: str,
    *,
    to: tuple[str, str],
    subject: str,
    sender_name: str = "",
    reply_to: str | None = None,
    secret: bool = False,
    **context: Any,
) -> Letter:
    """The letter ``mail/<kind>.txt`` and ``.html`` with ``context``; ``to`` = (name, address)."""
    name, address = to
    context = {"recipient_name": name, "recipient": address, "subject": subject, **context}
    return Letter(
        kind=kind,
        recipient=address,
        recipient_name=name,
        subject=subject,
        text=_spaced(_templates().get_template(f"mail/{kind}.txt").render(context)),
        html=_templates().get_template(f"mail/{kind}.html").render(context),
        sender_name=sender_name,
        reply_to=reply_to,
        secret=secret,
    )


def _spaced(text: str) -> str:
    """One empty line between paragraphs, however the template's tags left them."""
    return re.sub(r"\n{3,}", "\n\n", text)


def mailer(settings: Settings) -> Mailer:
    """The transport that the settings name."""
    if settings.mail == "console":
        return Console(settings)
    if settings.mail.startswith("folder:"):
        return Folder(settings, Path(settings.mail.removeprefix("folder:")))
    return Smtp(settings)


def mime(settings: Settings, message: Message) -> EmailMessage:
    """The message in RFC 5322 form; its Message-ID is stable over retries, so that a repeat can be recognised."""
    mail = EmailMessage()
    sender = parseaddr(settings.mail_from)
    domain = sender[1].partition("@")[2] or "localhost"
    mail["From"] = formataddr((message.sender_name or sender[0], sender[1]))
    mail["To"] = formataddr((message.recipient_name, message.recipient))
    if message.reply_to:
        mail["Reply-To"] = message.reply_to
    mail["Subject"] = message.subject
    mail["Date"] = format_datetime(message.created_at)
    mail["Message-ID"] = f"<{message.id}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.text)
    mail.add_alternative(message.html, subtype="html")
    return mail


class Console:
    """For development: the plain text on standard error."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def send(self, message: Message) -> None:
        refuse_slow_work("sending mail")
        sys.stderr.write(f"--- mail to {message.recipient}: {message.subject}\n{message.text}\n---\n")


class Folder:
    """One .eml file a message, named by its id: sending twice writes the same file."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings = settings
        self.folder = folder

    def send(self, message: Message) -> None:
        refuse_slow_work("sending mail")
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        target = self.folder / f"{message.id}.eml"
        partial = target.with_suffix(".part")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(bytes(mime(self.settings, message)))
        partial.replace(target)


class Smtp:
    """A mail server: ``smtps://`` speaks TLS from the start; ``smtp://`` upgrades when the server offers it, and
    insists on it before a password is sent."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.url = urlsplit(settings.mail)

    def send(self, message: Message) -> None:
        refuse_slow_work("sending mail")
        host, tls = self.url.hostname or "localhost", self.url.scheme == "smtps"
        context = ssl.create_default_context()
        try:
            with (
                smtplib.SMTP_SSL(host, self.url.port or 465, timeout=TIMEOUT_SECONDS, context=context)
                if tls
                else smtplib.SMTP(host, self.url.port or 25, timeout=TIMEOUT_SECONDS)
            ) as server:
                server.ehlo()
                if not tls and server.has_extn("starttls"):
                    server.starttls(context=context)
                    server.ehlo()
                    tls = True
                if self.url.username:
                    if not tls:
                        raise OSError("the mail server offers no TLS; the password was not sent")
                    server.login(unquote(self.url.username), unquote(self.url.password or ""))
                server.send_message(mime(self.settings, message))
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            if codes and all(500 <= code < 600 for code in codes):
                raise PermanentFailure(f"the mail server refused the address ({codes[0]})") from error
            raise OSError("the mail server did not take the address now") from error
        except smtplib.SMTPResponseException as error:
            if 550 <= error.smtp_code < 560:
                raise PermanentFailure(f"the mail server refused the message ({error.smtp_code})") from error
            raise OSError(f"the mail server answered {error.smtp_code}") from error
