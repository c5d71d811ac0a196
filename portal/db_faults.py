"""What a database says when it cannot: as faults of the portal, each with a sentence that a person can use."""

from __future__ import annotations

import logging

from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from portal.faults import Unavailable

log = logging.getLogger("portal.db")

BUSY = "The portal is busy with another change. Nothing of yours is lost; please send it again."
AWAY = "The portal cannot reach its database at this moment. Nothing of yours is lost; please send it again."


class Away(Unavailable):
    """No connection to the database's server comes about; its cause is what the driver says of it."""


def first_line(error: SQLAlchemyError | Unavailable) -> str:
    """What the database itself said, for whoever runs the portal; without a full stop."""
    said = getattr(error, "orig", None) or error.__cause__ or error
    return str(said).strip().splitlines()[0].rstrip(".")


def refuse_if_busy(error: BaseException | None) -> None:
    """Raise Unavailable when another writer held on for longer than our patience, or when the disk is full."""
    text = str(error).lower()
    if any(word in text for word in ("disk is full", "no space left", "disk i/o error")):
        log.error("the database cannot write: %s", error)
        raise Unavailable(
            "The portal cannot store anything at this moment; its operators have to make room."
        ) from error
    if any(word in text for word in ("database is locked", "busy", "lock timeout", "deadlock detected")):
        raise Unavailable(BUSY) from error


def on_error(context: ExceptionContext) -> None:
    """Whatever statement meets the lock, first or last, the answer is the same."""
    if isinstance(context.sqlalchemy_exception, OperationalError):
        refuse_if_busy(context.original_exception)


def on_server_error(context: ExceptionContext) -> None:
    """The same of a server, which can be away as well: being started again, or out of reach.

    Only where no connection comes about at all: nothing was asked of it then. Of one that breaks in the middle nobody
    can say so; that stays a defect, and whether something was committed is found out by who asks again.
    """
    on_error(context)
    alone = context.connection is None and not context.is_pre_ping
    if alone and isinstance(context.sqlalchemy_exception, OperationalError):
        log.error("the database cannot be reached: %s", type(context.original_exception).__name__)
        raise Away(AWAY) from context.original_exception
