"""A report as a page: the same blocks; what a person hid in a text is shown by its code point."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any

from portal.reports.model import Block, Document, Heading
from portal.reports.pdf_fonts import hides


def visible(text: str) -> str:
    """``text`` with signs that hide or turn others named: U+202E reads ``[U+202E]``."""
    if text.isprintable():
        return text
    return "".join(f"[U+{ord(one):04X}]" if hides(one) else one for one in text)


def readable(document: Document) -> Document:
    """The document with every text made visible; its hash is that of the one that it was made from."""
    found = _each(document)
    assert isinstance(found, Document)
    return found


def sections(document: Document) -> list[tuple[Heading | None, list[Block]]]:
    """The blocks under each heading of level 1, for a page with regions; None: what stands before the first."""
    found: list[tuple[Heading | None, list[Block]]] = []
    for one in document.blocks:
        if isinstance(one, Heading) and one.level == 1:
            found.append((one, []))
        else:
            if not found:
                found.append((None, []))
            found[-1][1].append(one)
    return [(heading, blocks) for heading, blocks in found if heading is not None or blocks]


def kind(block: Block) -> str:
    """What a block is called, for the template."""
    return type(block).__name__


def _each(value: Any) -> Any:
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, tuple):
        return tuple(_each(one) for one in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{one.name: _each(getattr(value, one.name)) for one in fields(value)})
    return value
