"""What vendors said, by word, and whom they name: side tables of sealed answers, for search and fourth parties.

Only submissions that count at some gate today stand here (indexing.py); what is destroyed there goes here in the same
transaction (erasure/destroying.py).
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, tenancy

OF_ANSWERS = "worked out from sealed answers"
# Words compare by their code points on both databases: a prefix is a range of the primary key.
WORD = String(40).with_variant(String(40, collation="C"), "postgresql")


def _clustered(table_args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The same for a table that SQLite keeps in the order of its primary key."""
    return (*table_args[:-1], {**table_args[-1], "sqlite_with_rowid": False})


class IndexedSubmission(Base):
    """A submission whose words and fourth parties are here. ``method``: words.METHOD that they were made by."""

    __tablename__ = "indexed_submission"
    __table_args__ = tenancy(
        "organisation",
        Index("ix_indexed_submission_organisation_id", "organisation_id"),
        unaudited=OF_ANSWERS,
    )

    submission_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("submission.id"), primary_key=True)
    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    words: Mapped[int]
    method: Mapped[str] = mapped_column(String(20))
    at: Mapped[datetime]


class AnswerWord(Base):
    """That a word stands in one sealed answer."""

    __tablename__ = "answer_word"
    __table_args__ = _clustered(
        tenancy(
            "organisation",
            Index("ix_answer_word_submission_id_key", "submission_id", "key"),
            unaudited=OF_ANSWERS,
        )
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"), primary_key=True)
    word: Mapped[str] = mapped_column(WORD, primary_key=True)
    submission_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("submission.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(200), primary_key=True)


class FourthParty(Base):
    """A firm that a vendor names in a table of its own suppliers; ``name_key``: words.firm_key of ``name``."""

    __tablename__ = "fourth_party"
    __table_args__ = tenancy(
        "organisation",
        Index("ix_fourth_party_organisation_id_name_key", "organisation_id", "name_key"),
        unaudited=OF_ANSWERS,
    )

    submission_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("submission.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    row: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    name: Mapped[str] = mapped_column(String(200))
    name_key: Mapped[str] = mapped_column(String(200))
    country: Mapped[str] = mapped_column(String(100))
    service: Mapped[str] = mapped_column(String(300))


class FourthPartyName(Base):
    """That one organisation takes two names for one firm: ``name_key`` counts as ``same_as``, another key."""

    __tablename__ = "fourth_party_name"
    __table_args__ = tenancy("organisation")

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"), primary_key=True)
    name_key: Mapped[str] = mapped_column(String(200), primary_key=True)
    same_as: Mapped[str] = mapped_column(String(200))
    said_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    said_at: Mapped[datetime]
