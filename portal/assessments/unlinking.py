"""Taking a vendor away from a company that was linked by mistake, or that is no longer the right one."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from portal.access import Identity, scoped
from portal.assessments.models import Assessment
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.faults import Conflict
from portal.vendors.ground import vendors_moved
from portal.vendors.models import Vendor

MOST_NAMED = 5


def open_titles(session: Session, identity: Identity, vendor: Vendor) -> list[str]:
    """The titles of what the company still answers for this vendor; it has to be cancelled first."""
    statement = (
        scoped(identity, Assessment)
        .with_only_columns(Assessment.title)
        .where(Assessment.vendor_id == vendor.id, Assessment.state == "open")
        .order_by(Assessment.due, Assessment.id)
        .limit(MOST_NAMED)
    )
    return list(session.execute(statement).scalars())


def unlink(session: Session, vendor: Vendor, *, actor: Identity, now: datetime) -> None:
    """The vendor is nobody's any more, and a person may be invited anew. The caller has locked ``vendor``.

    What was submitted stays where it is, with its company. Raises Conflict when the vendor is not linked, or while
    something is open: its answers are the company's, and the next company must not find them.
    """
    if vendor.company_id is None:
        raise Conflict("This vendor is not linked to a company.")
    if titles := open_titles(session, actor, vendor):
        raise Conflict(f"Cancel what is open first: {', '.join(dict.fromkeys(titles))}.")
    data = {"company": vendor.company_id}
    vendor.company_id = None
    vendor.revision += 1
    vendors_moved(session, vendor.organisation_id, [vendor.id])
    record(session, Kind.VENDOR_UNLINKED, now=now, actor=actor, subject=vendor, data=data)
    session.flush()
