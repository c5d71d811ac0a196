"""The contract schedule as one accessible HTML file, ready to be an annex: word for word what the DOCX says.

Nothing in it leads into the portal; names and texts of people are escaped.
"""

from __future__ import annotations

from flask_babel import gettext as _
from markupsafe import Markup

from portal import standalone
from portal.contracts.annex import Annex, Entry, gap, heads, plain

MEDIA_TYPE = "text/html"
# On paper the head row comes again on each page, and neither a row nor a clause is torn where it fits on one.
STYLE = (
    "body{max-width:54rem}h1{font-size:1.75rem;line-height:1.25;margin-bottom:.75rem}h1,h2,h3,td,th{overflow-wrap:anywhere}"
    "h2{border-bottom:1px solid #8c8c8c;padding-bottom:.25rem}"
    "table{border-collapse:collapse;width:100%;font-size:.9rem;line-height:1.4}"
    "th,td{border:1px solid #8c8c8c;padding:.4rem .55rem;text-align:start;vertical-align:top}"
    "th,td{white-space:pre-wrap}thead th{background:#f0f0f0}th span{display:block;font-weight:400}"
    ".no{width:2.5rem}.what{width:33%}.source{width:18%}.state{width:5.5rem}"
    "article p,.about{max-width:46rem}p.source{width:auto;font-style:italic;color:#595959;font-size:.9rem}"
    "@media screen and (max-width:44rem){"
    "thead{position:absolute;clip-path:inset(50%);height:1px;overflow:hidden}"
    "table,tbody,tr,th,td{display:block;border:0;padding:.125rem 0}"
    "tr{border-top:1px solid #8c8c8c;padding:.75rem 0}tbody tr:first-child{border:0}"
    'td::before{content:attr(data-label) "\\2002";color:#595959}'
    "}"
    '@page{margin:22mm 20mm;@bottom-right{content:counter(page) " / " counter(pages);font:9pt sans-serif}}'
    "@media print{html{font-size:10.5pt}body{font-size:1rem;max-width:none;margin:0;padding:0}"
    "tr,article{break-inside:avoid}p{orphans:3;widows:3}article p,.about{max-width:none}}"
)


def page(annex: Annex) -> bytes:
    """The file."""
    parts = [_text("h1", annex.title), *(_text("p", one) for one in annex.opening)]
    parts.append(_text("h2", _("Requirements")))
    if annex.entries:
        parts += [_table(annex), _text("h2", _("Clauses"))]
        parts += [_clause(number, entry) for number, entry in enumerate(annex.entries, 1)]
    else:
        parts.append(_text("p", _("Nothing is called for.")))
    parts += [_text("h2", _("About this schedule")), _text("p", annex.about, "about")]
    return standalone.page(plain(annex.title), parts, STYLE)


def _table(annex: Annex) -> Markup:
    """``abbr`` spares who listens to a row the whole duty before each of its cells."""
    number, requirement, *others = heads()
    rows = [
        Markup('<td data-label="{}">{}</td><th scope="row" abbr="{}">{}\n<span>{}</span></th>{}').format(
            number,
            position,
            plain(entry.title),
            plain(entry.name),
            plain(entry.duty),
            Markup().join(
                Markup('<td data-label="{}">{}</td>').format(label, plain(text))
                for label, text in zip(others, (entry.source, entry.reason, entry.state), strict=True)
            ),
        )
        for position, entry in enumerate(annex.entries, 1)
    ]
    columns = zip(("no", "what", "source", "because", "state"), (number, requirement, *others), strict=True)
    head = Markup().join(Markup('<th scope="col" class="{}">{}</th>').format(*one) for one in columns)
    body = Markup("\n").join(Markup("<tr>{}</tr>").format(one) for one in rows)
    return Markup("<table><thead><tr>{}</tr></thead><tbody>\n{}\n</tbody></table>").format(head, body)


def _clause(number: int, entry: Entry) -> Markup:
    pieces = Markup().join(
        Markup("<strong>{}</strong>").format(gap()) if part.gap else Markup("{}").format(plain(part.text))
        for part in entry.clause
    )
    heading = _text("h3", f"{number}. {entry.title}")
    return Markup("<article>{}<p>{}</p>{}</article>").format(
        heading, pieces, _text("p", entry.source, "source")
    )


def _text(tag: str, text: str, kind: str = "") -> Markup:
    start = Markup('<{} class="{}">').format(tag, kind) if kind else Markup("<{}>").format(tag)
    return Markup("{}{}</{}>").format(start, plain(text), tag)
