"""Kinds of documents, and which of them are kinds of another: the one rule for questions, policies and lists."""

from __future__ import annotations


def is_of_kind(kind: str, asked: str) -> bool:
    """Whether a document of ``kind`` is what ``asked`` names: the same kind, or a narrower one.

    A dot leads to what is narrower: ``report.audit`` is a ``report``, too, and a ``report`` is not known to be a
    ``report.audit``. A kind without a dot is of no kind but its own.
    """
    return kind == asked or kind.startswith(f"{asked}.")
