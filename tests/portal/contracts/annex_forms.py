"""The annex in its two forms, read back: what stands on the paper, block by block, as the same kinds in both."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from html.parser import HTMLParser

from docx import Document
from docx.table import Table

from portal.contracts import annex, annex_page

Block = tuple[str, str]  # h1, h2, h3, p, a column's head or a cell of the table, and what it says
KINDS = {"Title": "h1", "Heading 1": "h2", "Heading 2": "h3"}


@dataclass(frozen=True)
class Form:
    """``ending``: of its address."""

    ending: str
    media_type: str
    write: Callable[[annex.Annex], bytes]
    blocks: Callable[[bytes], list[Block]]

    def text(self, data: bytes) -> str:
        return "\n".join(text for _kind, text in self.blocks(data))


def _of_docx(data: bytes) -> list[Block]:
    found: list[Block] = []
    for one in Document(io.BytesIO(data)).iter_inner_content():
        if isinstance(one, Table):
            for number, row in enumerate(one.rows):
                found += [("cell" if number else "head", cell.text) for cell in row.cells]
        else:
            found.append((KINDS.get(one.style.name or "" if one.style else "", "p"), one.text))
    return found


class Tags(HTMLParser):
    """``blocks``; and ``tags``: every start tag with its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.blocks: list[Block] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("h1", "h2", "h3", "p"):
            self.blocks.append((tag, ""))
        elif tag in ("td", "th"):
            self.blocks.append(("head" if dict(attrs).get("scope") == "col" else "cell", ""))

    def handle_data(self, data: str) -> None:
        if self.blocks and data.strip():
            kind, text = self.blocks[-1]
            self.blocks[-1] = (kind, text + data)


def _of_html(data: bytes) -> list[Block]:
    return Tags(data.decode()).blocks


DOCX = Form("docx", annex.MEDIA_TYPE, annex.build, _of_docx)
HTML = Form("html", annex_page.MEDIA_TYPE, annex_page.page, _of_html)
