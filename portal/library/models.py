"""Questionnaire versions: canonical bytes by hash, what an organisation has released for itself, drafts, what-ifs."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, Identified, tenancy


class Definition(Base):
    """The canonical bytes of a version, stored when first issued or released. Reached only by a pinned hash."""

    __tablename__ = "definition"
    __table_args__ = tenancy("global", immutable=True)

    content_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    canonical: Mapped[bytes] = mapped_column(LargeBinary)
    stored_at: Mapped[datetime]


class ReleasedVersion(Identified, Base):
    """A version that one organisation has released for itself (imported or written).

    ``source_format``: ``vsaq``, ``mvsp``, ``json`` or ``draft``. ``report``: the lines of the import's report, what it
    could not carry over among them. ``change_note``: what changed and why, in the words of who released it.
    ``previous_hash``: the version that it follows in the organisation's own line.
    """

    __tablename__ = "released_version"
    __table_args__ = tenancy(
        "organisation", UniqueConstraint("organisation_id", "slug", "version"), immutable=True
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    slug: Mapped[str] = mapped_column(String(64))
    version: Mapped[str] = mapped_column(String(20))
    title: Mapped[str] = mapped_column(String(300))
    purpose: Mapped[str] = mapped_column(String(20))
    sections: Mapped[int]
    questions: Mapped[int]
    source_format: Mapped[str] = mapped_column(String(20))
    report: Mapped[list[Any]]
    content_hash: Mapped[str] = mapped_column(ForeignKey("definition.content_hash"))
    released_at: Mapped[datetime]
    released_by: Mapped[uuid.UUID | None]
    change_note: Mapped[str] = mapped_column(Text, default="", server_default="")
    previous_hash: Mapped[str | None] = mapped_column(String(64))


class RetiredVersion(Identified, Base):
    """That an organisation issues a version no longer; taking it back deletes the row. What runs, runs on."""

    __tablename__ = "retired_version"
    __table_args__ = tenancy("organisation", UniqueConstraint("organisation_id", "content_hash"))

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    content_hash: Mapped[str] = mapped_column(String(64))
    retired_at: Mapped[datetime]
    retired_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))


class QuestionnaireDraft(Identified, Base):
    """A version that an organisation writes. Whoever changes it holds a lock on this row.

    ``document``: canonical JSON in the shape of section 1 of the format; it may have faults, and every page replaces
    one part of it. ``base_hash``: the version that it was copied from or last merged with; ``based_on`` its label.
    ``previous_hash``: the organisation's own release that it follows. ``conflicts``: canonical JSON list of what a
    merge left to decide; ``[]`` otherwise. ``revision`` counts every change. ``state``: draft, released or discarded.
    """

    __tablename__ = "questionnaire_draft"
    __table_args__ = tenancy(
        "organisation", Index("ix_questionnaire_draft_organisation_id_state", "organisation_id", "state")
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    slug: Mapped[str] = mapped_column(String(64))
    title: Mapped[str] = mapped_column(String(300))
    document: Mapped[bytes] = mapped_column(LargeBinary)
    conflicts: Mapped[bytes] = mapped_column(LargeBinary)
    report: Mapped[list[Any]]
    source_format: Mapped[str] = mapped_column(String(20))
    based_on: Mapped[str | None] = mapped_column(String(90))
    base_hash: Mapped[str | None] = mapped_column(String(64))
    previous_hash: Mapped[str | None] = mapped_column(String(64))
    revision: Mapped[int]
    state: Mapped[str] = mapped_column(String(20))
    started_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    started_at: Mapped[datetime]
    changed_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    changed_at: Mapped[datetime]
    released_hash: Mapped[str | None] = mapped_column(String(64))


class DraftEdit(Identified, Base):
    """One change of a draft: what the parts that it touched held before and after, so that it can be taken back.

    ``part`` is what was edited: ``header``, ``order``, ``section:<key>``, ``question:<key>`` or ``document``.
    ``before`` and ``after``: canonical JSON of {part: what it held}, as ``parts.applied`` takes it; null = not there.
    ``ground`` beside the parts: what the draft rested on and which conflicts were open only on this side of a merge.
    """

    __tablename__ = "questionnaire_draft_edit"
    __table_args__ = tenancy("organisation", UniqueConstraint("draft_id", "revision"))

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    draft_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("questionnaire_draft.id"))
    revision: Mapped[int]
    part: Mapped[str] = mapped_column(String(220))
    before: Mapped[bytes] = mapped_column(LargeBinary)
    after: Mapped[bytes] = mapped_column(LargeBinary)
    edited_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    edited_at: Mapped[datetime]


class WhatIfRun(Identified, Base):
    """A version tried over the organisation's current submissions; the worker counts, anybody may stop it.

    ``candidate``: canonical bytes of what is tried, a draft as it stood at ``draft_revision`` or a version.
    What was sealed before ``asked_at`` is counted, each at the date, facts and marks of its standing rating. ``state``:
    queued, running, done, stopped or failed. ``reached``: the submission that was counted last (they are taken by id),
    from where another worker goes on.
    ``lease_until``: until when the worker that counts has it for itself; ``token`` is that worker's fence.
    """

    __tablename__ = "what_if_run"
    __table_args__ = tenancy(
        "organisation",
        Index("ix_what_if_run_organisation_id_asked_at", "organisation_id", "asked_at"),
        Index("ix_what_if_run_state", "state"),
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    draft_id: Mapped[uuid.UUID | None]
    draft_revision: Mapped[int | None]
    slug: Mapped[str] = mapped_column(String(64))
    version: Mapped[str] = mapped_column(String(20))
    candidate: Mapped[bytes] = mapped_column(LargeBinary)
    state: Mapped[str] = mapped_column(String(20))
    total: Mapped[int]
    done: Mapped[int]
    reached: Mapped[uuid.UUID | None]
    asked_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("person.id"))
    asked_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    lease_until: Mapped[datetime | None]
    token: Mapped[uuid.UUID | None]
    fault: Mapped[str] = mapped_column(String(400))


class WhatIfRow(Base):
    """What would become of one submission. ``verdict``: same, better, worse, cannot_tell or unread (redacted).

    ``before`` and ``after``: [score, high, band, best_band] as they are shown. ``changes``: canonical JSON of the
    knock-outs and requirements that appear or vanish, keys only.
    """

    __tablename__ = "what_if_row"
    __table_args__ = tenancy(
        "organisation",
        Index("ix_what_if_row_run_id_verdict", "run_id", "verdict"),
        unaudited="a line of a run, whose asking and end are events",
    )

    run_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("what_if_run.id"), primary_key=True)
    submission_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    vendor_id: Mapped[uuid.UUID]
    assessment_id: Mapped[uuid.UUID]
    verdict: Mapped[str] = mapped_column(String(20))
    before: Mapped[list[Any]]
    after: Mapped[list[Any]]
    changes: Mapped[bytes] = mapped_column(LargeBinary)
