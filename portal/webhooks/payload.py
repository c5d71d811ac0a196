"""What a delivery says: ids and codes, in canonical JSON. What is behind an id is fetched under the rights of then."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from portal.webhooks.catalogue import FIELDS, RESOURCES
from portal.webhooks.models import WebhookDelivery
from questionnaires.canonical import canonical_json

CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,63}")


def codes(data: Mapping[str, Any]) -> dict[str, Any]:
    """Of an event's data what may leave: known fields, with numbers, yes and no, and words that are codes."""
    return {name: value for name, value in data.items() if name in FIELDS and _is_code(value)}


def _is_code(value: Any) -> bool:
    if isinstance(value, (bool, int)) or value is None:
        return value is None or isinstance(value, bool) or abs(value) < 2**53
    return isinstance(value, str) and CODE.fullmatch(value) is not None


def subject_of(table: str, subject_id: object, data: Mapping[str, Any]) -> dict[str, Any]:
    """What a delivery keeps of its event."""
    return {"type": table, "id": str(subject_id) if subject_id is not None else None, "data": codes(data)}


def body(delivery: WebhookDelivery, slug: str, base_url: str) -> bytes:
    """The bytes that are signed and sent; the same at every attempt."""
    subject = delivery.subject
    kind, one = subject.get("type", ""), subject.get("id")
    links = {}
    if kind in RESOURCES and one:
        links["self"] = f"{base_url}/api/v1/{RESOURCES[kind]}/{one}"
    return canonical_json(
        {
            "id": str(delivery.id),
            "event": delivery.kind,
            "at": delivery.at.isoformat(timespec="seconds"),
            "organisation": slug,
            "subject": {"type": kind, "id": one},
            "data": subject.get("data", {}),
            "links": links,
        }
    )
