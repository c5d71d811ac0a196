"""Letters: rendered from templates, sent by SMTP, to the console, or into a folder."""

from __future__ import annotations

import os
import re
import smtplib
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime, formataddr, parseaddr
from functools import cache
from pathlib import Path
from typing import Any, Protocol, Self
from urllib.parse import SplitResult, unquote, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from portal.db import refuse_slow_work
from portal.outbox import Letter, Outgoing, one_line
from portal.settings import Settings

TIMEOUT_SECONDS = 30
LETTER_SECONDS = (
    150.0  # for one letter from first to last, however slowly a server drips; well below the lease
)
FAREWELL_SECONDS = 5.0
MOST_LETTERS, IDLE_SECONDS = 100, 60.0  # after which a connection is given back: servers count, too
CLOSING = 421  # the server's word that it ends the connection, whatever was asked (RFC 5321, 3.8)
TOO_LARGE = 552  # said of the size that comes with the sender (RFC 1870, 6.1)


class PermanentFailure(Exception):
    """The recipient or the message is refused for good; trying again is of no use."""


class Later(OSError):
    """The server is there and will not take this letter now."""


class NoService(OSError):
    """The server talks, and takes letters of nobody here: no word about this letter, so as if there were no server."""


class LeaseLost(Exception):
    """This worker stood still for so long that another may have taken the letter over: it is not sent here."""


Still = Callable[[], None]


class Mailer(Protocol):
    """Where letters go. ``send`` returns when the letter is taken, else raises OSError or PermanentFailure.

    It calls ``still`` before it begins and again right before the letter leaves; what that raises (LeaseLost) goes on
    to the caller, and nothing was sent.
    """

    def send(self, message: Outgoing, still: Still) -> None: ...


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


def mime(settings: Settings, message: Outgoing) -> EmailMessage:
    """The message in RFC 5322 form; its Message-ID is stable over retries, so that a repeat can be recognised.

    What may be turned off says how, in one click where the portal is reached by https (RFC 8058).
    """
    mail = EmailMessage()
    letter = message.letter
    sender = parseaddr(settings.mail_from)
    domain = sender[1].partition("@")[2] or "localhost"
    mail["From"] = formataddr((one_line(letter.sender_name, 200) or sender[0], sender[1]))
    mail["To"] = formataddr((one_line(letter.recipient_name, 200), one_line(letter.recipient, 254)))
    if letter.reply_to:
        mail["Reply-To"] = one_line(letter.reply_to, 254)
    mail["Subject"] = one_line(letter.subject, 300)
    mail["Date"] = format_datetime(message.at)
    mail["Message-ID"] = f"<{message.id}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    if message.unsubscribe and settings.secure:
        mail["List-Unsubscribe"] = f"<{message.unsubscribe}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail.set_content(letter.text)
    mail.add_alternative(letter.html, subtype="html")
    return mail


class Console:
    """For development: the plain text on standard error."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def send(self, message: Outgoing, still: Still) -> None:
        refuse_slow_work("sending mail")
        still()
        letter = message.letter
        sys.stderr.write(f"--- mail to {letter.recipient}: {letter.subject}\n{letter.text}\n---\n")


class Folder:
    """One .eml file a message, named by its id: sending twice writes the same file."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings = settings
        self.folder = folder

    def send(self, message: Outgoing, still: Still) -> None:
        refuse_slow_work("sending mail")
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        target = self.folder / f"{message.id}.eml"
        partial = target.with_suffix(".part")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(bytes(mime(self.settings, message)))
        still()
        partial.replace(target)


class Smtp:
    """A mail server: ``smtps://`` speaks TLS from the start; ``smtp://`` upgrades when the server offers it, and
    insists on it before a password is sent."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.url = urlsplit(settings.mail)

    def send(self, message: Outgoing, still: Still) -> None:
        with self.conversation() as one:
            one.send(message, still)

    @contextmanager
    def conversation(self) -> Iterator[Mailer]:
        """For letters one after another, by one thread."""
        one = _Conversation(self.settings, self.url)
        try:
            yield one
        finally:
            one.close()


@contextmanager
def kept_open(sender: Mailer) -> Iterator[Mailer]:
    """``sender`` for several letters: a mail server is greeted once for them all, while nothing goes wrong."""
    if isinstance(sender, Smtp):
        with sender.conversation() as one:
            yield one
    else:
        yield sender


class _Conversation:
    """Letters over one connection, which begins with the first. After a fault the next letter has one of its own."""

    def __init__(self, settings: Settings, url: SplitResult) -> None:
        self.settings, self.url = settings, url
        self._server: smtplib.SMTP | None = None
        self._letters = 0
        self._used = 0.0

    def send(self, message: Outgoing, still: Still) -> None:
        refuse_slow_work("sending mail")
        mail = mime(self.settings, message)
        still()
        well = False
        try:
            with _CutOff(LETTER_SECONDS) as end:
                offer = _Offer(parseaddr(self.settings.mail_from)[1], message.letter.recipient, mail)
                server = self._goes_on(offer, end)
                if server is None:
                    server = self._begin(end)
                    offer.make(server)
                offer.hand_over(server, still)
            well = True
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            if codes and all(500 <= code < 600 for code in codes):
                raise PermanentFailure(f"the mail server refused the address ({codes[0]})") from error
            raise Later("the mail server did not take the address now") from error
        except (smtplib.SMTPConnectError, smtplib.SMTPHeloError, smtplib.SMTPAuthenticationError) as error:
            raise NoService(f"the mail server does not talk to us ({error.smtp_code})") from error
        except smtplib.SMTPResponseException as error:
            if isinstance(error, smtplib.SMTPSenderRefused) and error.smtp_code != TOO_LARGE:
                raise NoService(f"the mail server takes no letter of ours ({error.smtp_code})") from error
            if 550 <= error.smtp_code < 560:
                raise PermanentFailure(f"the mail server refused the message ({error.smtp_code})") from error
            raise Later(f"the mail server answered {error.smtp_code}") from error
        finally:
            self._letters += 1
            self._used = time.monotonic()
            if not well:
                self._drop()

    def _goes_on(self, offer: _Offer, end: _CutOff) -> smtplib.SMTP | None:
        """The connection of the letter before, once its server has accepted this offer; None where there is none any
        more, as servers end what lasts too long for them: nothing was handed over, so a new one may be begun.
        """
        server = self._server
        if server is None:
            return None
        if self._letters >= MOST_LETTERS or time.monotonic() - self._used > IDLE_SECONDS:
            self.close()
            return None
        end.server = server
        try:
            code, answer = server.rset()
            if code != 250:
                raise smtplib.SMTPServerDisconnected(answer)
            offer.make(server)
        except smtplib.SMTPServerDisconnected:
            if end.over:
                raise
        except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
            if error.smtp_code != CLOSING:
                raise
        else:
            return server
        self._drop()
        return None

    def _begin(self, end: _CutOff) -> smtplib.SMTP:
        context = ssl.create_default_context()
        tls = self.url.scheme == "smtps"
        server = (
            smtplib.SMTP_SSL(timeout=TIMEOUT_SECONDS, context=context)
            if tls
            else smtplib.SMTP(timeout=TIMEOUT_SECONDS)
        )
        self._server = end.server = server
        self._letters = 0
        self._greet(server, context, tls=tls)
        return server

    def _drop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def close(self) -> None:
        """Take leave: the letters are taken, whatever is said to the farewell."""
        if self._server is None:
            return
        with suppress(smtplib.SMTPException, OSError), _CutOff(FAREWELL_SECONDS, self._server):
            self._server.quit()
        self._drop()

    def _greet(self, server: smtplib.SMTP, context: ssl.SSLContext, *, tls: bool) -> None:
        host = self.url.hostname or "localhost"
        server._host = host  # type: ignore[attr-defined]  # what TLS compares; set by a constructor that connects
        code, answer = server.connect(host, self.url.port or (465 if tls else 25))
        if code != 220:
            raise smtplib.SMTPConnectError(code, answer)
        server.ehlo()
        if not tls and server.has_extn("starttls"):
            server.starttls(context=context)
            server.ehlo()
            tls = True
        if self.url.username:
            if not tls:
                raise OSError("the mail server offers no TLS; the password was not sent")
            server.login(unquote(self.url.username), unquote(self.url.password or ""))


class _Offer:
    """One message to one recipient (RFC 5321, 3.3): who writes to whom, then the text."""

    def __init__(self, sender: str, recipient: str, mail: EmailMessage) -> None:
        self._sender, self._recipient, self._mail = sender, recipient, mail
        self._payload = b""

    def make(self, server: smtplib.SMTP) -> None:
        """Up to the server's 354. Nothing was handed over yet."""
        options: list[str] = []
        policy = SMTP
        if not (self._sender + self._recipient).isascii():
            if not server.has_extn("smtputf8"):
                words = "the mail server takes no addresses beyond ASCII"
                raise NoService(words) if self._recipient.isascii() else PermanentFailure(words)
            policy = SMTPUTF8
            options = ["SMTPUTF8", "BODY=8BITMIME"]
        self._payload = self._mail.as_bytes(policy=policy)
        if server.does_esmtp and server.has_extn("size"):
            options.append(f"size={len(self._payload)}")
        code, answer = server.mail(self._sender, options)
        if code != 250:
            raise smtplib.SMTPSenderRefused(code, answer, self._sender)
        code, answer = server.rcpt(self._recipient)
        if code not in (250, 251):
            raise smtplib.SMTPRecipientsRefused({self._recipient: (code, answer)})
        code, answer = server.docmd("DATA")
        if code != 354:
            raise smtplib.SMTPDataError(code, answer)

    def hand_over(self, server: smtplib.SMTP, still: Still) -> None:
        """``still`` is asked after the server's 354, since nothing is sent before the dot: what is abandoned until then
        the server throws away.
        """
        try:
            still()
        except LeaseLost:
            server.close()  # no dot, no letter; anything said now would be part of it
            raise
        lines = re.sub(rb"(?m)^\.", b"..", self._payload)
        server.send(lines if lines.endswith(b"\r\n") else lines + b"\r\n")
        server.send(b".\r\n")
        code, answer = server.getreply()
        if code != 250:
            raise smtplib.SMTPDataError(code, answer)


class _CutOff:
    """Ends the conversation after so long. A timeout of the socket begins anew with each byte; this one does not."""

    def __init__(self, seconds: float, server: smtplib.SMTP | None = None) -> None:
        self.server, self.over = server, False
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def _cut(self) -> None:
        self.over = True
        if self.server is not None and self.server.sock is not None:
            with suppress(OSError):  # past TLS, which would wait for an answer
                socket.socket.shutdown(self.server.sock, socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._timer.cancel()
