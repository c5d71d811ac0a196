"""Lists as somebody wants to find them again."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, Identified, tenancy


class SavedView(Identified, Base):
    """The filters and the order of a list under a name. ``list``: a key of saved.PARAMETERS; ``query``: the
    parameters of its address; ``shared``: everybody of the organisation finds it.
    """

    __tablename__ = "saved_view"
    __table_args__ = tenancy(
        "organisation", UniqueConstraint("organisation_id", "person_id", "list", "name_key")
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    list: Mapped[str] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(60))
    name_key: Mapped[str] = mapped_column(String(60))
    query: Mapped[dict[str, Any]]
    shared: Mapped[bool]
    created_at: Mapped[datetime]
