"""The contract schedule: what was called for, each step of it, and the words beside that can be destroyed."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, Identified, tenancy


class ContractItem(Identified, Base):
    """That an evaluation called for a requirement (or left a ``must`` of it open) for the first time; it stays.

    Shared, since a submission writes it on the company's side; what becomes of it is the organisation's alone
    (ContractStep). One for each engagement, company and requirement: another company has agreed to nothing yet.
    """

    __tablename__ = "contract_item"
    __table_args__ = tenancy(
        "shared",
        UniqueConstraint("engagement_id", "company_id", "key"),
        Index("ix_contract_item_organisation_id", "organisation_id"),
        Index("ix_contract_item_company_id", "company_id"),
        immutable=True,
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    company_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("company.id"))
    engagement_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("engagement.id"))
    key: Mapped[str] = mapped_column(String(200))
    evaluation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("evaluation.id"))
    flagged_at: Mapped[datetime]


class ContractFile(Identified, Base):
    """A signed contract of an engagement. ``storage_key``: the random name of its file, None once it is destroyed."""

    __tablename__ = "contract_file"
    __table_args__ = tenancy(
        "organisation",
        Index("ix_contract_file_engagement_id", "engagement_id"),
        Index("ix_contract_file_organisation_id", "organisation_id"),
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    engagement_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("engagement.id"))
    filename: Mapped[str] = mapped_column(String(200))
    media_type: Mapped[str] = mapped_column(String(100))
    size: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    storage_key: Mapped[str | None] = mapped_column(String(64))
    scan: Mapped[str] = mapped_column(String(20))
    scanned_at: Mapped[datetime | None]
    uploaded_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    uploaded_at: Mapped[datetime]


class ContractStep(Identified, Base):
    """One step of an item; the newest says where it stands. Codes, dates and a commitment to the words beside.

    ``to_state`` ``in_contract``: ``signed``, ``contract_until`` (None: no end), ``file_id``, and what was agreed:
    ``requirement_revision``, ``clause`` (the organisation's own text by number, 0 the shipped one). ``waived``:
    ``waived_until``, ``tier`` of the engagement then, and ``second_id``, who approved it.
    """

    __tablename__ = "contract_step"
    __table_args__ = tenancy(
        "organisation",
        UniqueConstraint("item_id", "sequence"),
        Index("ix_contract_step_organisation_id", "organisation_id"),
        immutable=True,
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    item_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("contract_item.id"))
    sequence: Mapped[int]
    from_state: Mapped[str] = mapped_column(String(20))
    to_state: Mapped[str] = mapped_column(String(20))
    requirement_revision: Mapped[int]
    clause: Mapped[int]
    signed: Mapped[date | None]
    contract_until: Mapped[date | None]
    file_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("contract_file.id"))
    waived_until: Mapped[date | None]
    tier: Mapped[str] = mapped_column(String(10))
    commitment: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]
    by: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    second_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("person.id"))


class ContractWords(Base):
    """What was written at a step: canonical JSON with ``reference``, ``reason`` and ``value``. Destroyable."""

    __tablename__ = "contract_words"
    __table_args__ = tenancy("organisation", Index("ix_contract_words_organisation_id", "organisation_id"))

    step_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("contract_step.id"), primary_key=True)
    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    salt: Mapped[bytes] = mapped_column(LargeBinary)
    words: Mapped[bytes] = mapped_column(LargeBinary)


class WaiverProposal(Identified, Base):
    """That an item be waived until a day, until a second person has settled it.

    ``base``: the sequence of the item's newest step then; ``state``: waiting, approved, refused, withdrawn, overtaken.
    """

    __tablename__ = "waiver_proposal"
    __table_args__ = tenancy(
        "organisation",
        Index("ix_waiver_proposal_item_id", "item_id"),
        Index("ix_waiver_proposal_organisation_id_state", "organisation_id", "state"),
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    item_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("contract_item.id"))
    base: Mapped[int]
    until: Mapped[date]
    tier: Mapped[str] = mapped_column(String(10))
    requirement_revision: Mapped[int]
    reason: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(20))
    proposed_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    proposed_at: Mapped[datetime]
    settled_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("person.id"))
    settled_at: Mapped[datetime | None]


class Settlement(Identified, Base):
    """What a reviewer says of an item that the answers leave open: ``required`` or ``not_required``.

    ``basis``: the fingerprint of the open outcome; another one makes it lapse. ``state``: ``waiting`` for a second
    person (``not_required``), ``standing``, refused, withdrawn or overtaken.
    """

    __tablename__ = "settlement"
    __table_args__ = tenancy(
        "organisation",
        Index("ix_settlement_item_id", "item_id"),
        Index("ix_settlement_organisation_id_state", "organisation_id", "state"),
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    item_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("contract_item.id"))
    outcome: Mapped[str] = mapped_column(String(20))
    basis: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(20))
    proposed_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    proposed_at: Mapped[datetime]
    settled_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("person.id"))
    settled_at: Mapped[datetime | None]


class ClauseText(Identified, Base):
    """A version of the organisation's own clause for a requirement; the newest is used. ``shipped``: back to ours."""

    __tablename__ = "clause_text"
    __table_args__ = tenancy(
        "organisation", UniqueConstraint("organisation_id", "key", "sequence"), immutable=True
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    key: Mapped[str] = mapped_column(String(200))
    sequence: Mapped[int]
    shipped: Mapped[bool]
    commitment: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    created_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))


class ClauseWords(Base):
    """The text of a version, as a canonical JSON string. Destroyable."""

    __tablename__ = "clause_words"
    __table_args__ = tenancy("organisation", Index("ix_clause_words_organisation_id", "organisation_id"))

    clause_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("clause_text.id"), primary_key=True)
    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    salt: Mapped[bytes] = mapped_column(LargeBinary)
    words: Mapped[bytes] = mapped_column(LargeBinary)
