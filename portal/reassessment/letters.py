"""Reminder letters. What they say stays true when they arrive late: full dates, and the day they were written."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from portal import mail
from portal.clock import local_date
from portal.formats import long_date
from portal.outbox import Letter
from portal.reassessment.subjects import REASSESSMENT, Recipient, Subject


def compose(subject: Subject, recipient: Recipient, now: datetime, base_url: str) -> Letter:
    """The one letter about ``subject`` to ``recipient``, whichever steps of the ladder it stands for."""
    today = local_date(now, subject.zone)
    context: dict[str, Any] = {
        "organisation": subject.organisation,
        "vendor": subject.vendor,
        "title": subject.title,
        "about": subject.about,
        "due_words": long_date(subject.due),
        "today_words": long_date(today),
        "distance": distance(subject.due, today),
        "late": subject.due < today,
    }
    is_or_was = "was due on" if subject.due < today else "is due on"
    when = f"{is_or_was} {long_date(subject.due)}"
    to = (recipient.name, recipient.address)
    home = f"{base_url}/o/{subject.organisation_slug}"
    if subject.kind == REASSESSMENT:
        return mail.compose(
            "reminder_reassessment",
            to=to,
            subject=f"{subject.vendor}: the next assessment of {subject.about} {when}",
            why=f"You get this because you look after vendors at {subject.organisation}, or own this engagement.",
            anchor_words=long_date(subject.since),
            interval="month" if subject.months == 1 else f"{subject.months} months",
            tier=subject.tier,
            link=f"{home}/schedule",
            **context,
        )
    if subject.company_id is None:
        return mail.compose(
            "reminder_unaccepted",
            to=to,
            subject=f"{subject.vendor} has not accepted the invitation; {subject.title} {when}",
            why=f"You get this because you issued the assessment, or look after vendors at {subject.organisation}.",
            contact=subject.contact,
            link=f"{home}/schedule?view=open",
            **context,
        )
    return mail.compose(
        "reminder_assessment",
        to=to,
        subject=f"{subject.organisation}: {subject.title} {when}",
        sender_name=f"{recipient.asker}, {subject.organisation}" if recipient.asker else subject.organisation,
        sender=recipient.asker,
        reply_to=recipient.reply_to,
        code=subject.code,
        confirm=f"{base_url}/confirm",
        why=f"You get this because you answer for {subject.vendor}, or were named as its contact.",
        answerable=recipient.reply_to is not None,
        answered=subject.answered,
        total=subject.total,
        link=f"{base_url}/c/{subject.company_slug}/",
        **context,
    )


def distance(due: date, today: date) -> str:
    """How far ``due`` is from ``today`` in words: ``in 7 days``, ``today``, ``12 days ago``."""
    days = (due - today).days
    if days == 0:
        return "today"
    count = "one day" if abs(days) == 1 else f"{abs(days)} days"
    return f"in {count}" if days > 0 else f"{count} ago"
