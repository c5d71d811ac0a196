"""HTML files that somebody saves or sends on: one file with its style in it, that loads nothing and runs nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable

from markupsafe import Markup

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}"
    "body{color:#1a1a1a;background:#fff}"
    "h1{font-size:1.6rem}h2{font-size:1.25rem;margin-top:2rem}h3{font-size:1rem;margin:1.25rem 0 .25rem}"
    "p{margin:.25rem 0;white-space:pre-wrap;overflow-wrap:anywhere}.side{color:#595959;font-size:.9rem}"
    "@media print{h2,h3{break-after:avoid}}"
)


def page(title: str, body: Iterable[Markup], style: str = "") -> bytes:
    """The whole file. ``style``: what it needs beside ``STYLE``. Its own policy allows this very style and no more."""
    style = STYLE + style
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    parts = [
        Markup(
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{}</title>'
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{}'\">"
            '<meta name="viewport" content="width=device-width"><style>{}</style></head><body><main>'
        ).format(title, digest, Markup(style)),
        *body,
        Markup("</main></body></html>"),
    ]
    return "\n".join(parts).encode()
