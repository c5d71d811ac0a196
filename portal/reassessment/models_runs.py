"""What the worker did, pass by pass, and whose turn a look is."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, Identified, tenancy


class WorkerRun(Identified, Base):
    """Some passes of one worker in a row, kept for a week. ``counts``: what they did, by the names of a Report.

    ``behind``: by how many seconds the latest step was late that they told. ``faults``: names of jobs that failed.
    Passes that find nothing to do prolong the row before them.
    """

    __tablename__ = "worker_run"
    __table_args__ = tenancy(
        "global", Index("ix_worker_run_ended_at", "ended_at"), unaudited="a sign of life"
    )

    name: Mapped[str] = mapped_column(String(100))
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    passes: Mapped[int]
    counts: Mapped[dict[str, Any]]
    behind: Mapped[int]
    faults: Mapped[list[Any]]


class WorkerTurn(Base):
    """Which worker takes the look of a job until when, so that others need not. A courtesy: no letter rests on it."""

    __tablename__ = "worker_turn"
    __table_args__ = tenancy("global", unaudited="a sign of life")

    job: Mapped[str] = mapped_column(String(20), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    until: Mapped[datetime]
    fence: Mapped[int]
