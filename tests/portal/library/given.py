"""Drafts for tests: begun through the service, edited through the pages."""

from __future__ import annotations

import re
import uuid
from typing import Any

from portal.access import Identity, OrganisationRole
from portal.db import Database
from portal.library import drafts
from portal.library.draft_queries import document_of, draft
from portal.library.parts import Document
from questionnaires import catalog
from tests.portal.world import NOW, Browser, Place

CISO = OrganisationRole.CISO


def begin(database: Database, place: Place, **changes: Any) -> uuid.UUID:
    """A draft that copies security_lite, as its page would begin it."""
    base = catalog.latest("security_lite")
    document = drafts.copied(base, slug="house_rules", version="1.0.0", title="House rules") | changes
    return hold(database, place[CISO], document)


def hold(database: Database, actor: Identity, document: Document, **more: Any) -> uuid.UUID:
    with database.transaction(actor.scope) as session:
        row = drafts.create(session, document, source_format="draft", now=NOW, actor=actor, **more)
        return row.id


def stored(database: Database, actor: Identity, draft_id: uuid.UUID) -> Document:
    with database.looking(actor.scope) as session:
        return document_of(draft(session, actor, draft_id))


def fields_of(page: str) -> dict[str, str]:
    """What a browser would post of the form ``part`` of a page, no button pressed."""
    form = page[page.index('id="part"') :]
    form = form[: form.index("</form>")]
    found: dict[str, str] = {}
    for tag in re.findall(r"<input [^>]*>", form):
        given = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        if "name" in given and (given.get("type") != "checkbox" or re.search(r"\bchecked\b", tag)):
            found[given["name"]] = _text(given.get("value", ""))
    for name, text in re.findall(r'<textarea [^>]*name="([^"]*)"[^>]*>\n?(.*?)</textarea>', form, re.DOTALL):
        found[name] = _text(text)
    for name, inner in re.findall(r'<select [^>]*name="([^"]*)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected', inner) or re.search(
            r'<option value="([^"]*)"', inner
        )
        found[name] = _text(chosen[1]) if chosen else ""
    return found


def _text(escaped: str) -> str:
    for code, sign in (("&#34;", '"'), ("&#39;", "'"), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        escaped = escaped.replace(code, sign)
    return escaped


def address(place: Place, draft_id: uuid.UUID, rest: str = "") -> str:
    return f"/o/{place.slug}/drafts/{draft_id}{rest}"


def open_page(browser: Browser, path: str) -> tuple[dict[str, str], str]:
    answer = browser.get(path)
    assert answer.status_code == 200, (path, answer.status_code, answer.text[:2000])
    return fields_of(answer.text), answer.text
