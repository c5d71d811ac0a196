"""``python -m tests.benchmarks [NAME ...]``: measure, print the table, exit 1 when a bar is missed."""

from __future__ import annotations

import sys

from tests.benchmarks import (
    autosave,
    campaign,
    cycle,
    engine,
    gate,
    load,
    pages,
    portfolio,
    report,
    startup,
    what_if,
    what_if_portal,
)
from tests.benchmarks.measuring import table

GROUPS = {
    "engine": engine.figures,
    "startup": startup.figures,
    "autosave": autosave.figures,
    "load": load.figures,
    "what_if": what_if.figures,
    "what_if_portal": what_if_portal.figures,
    "gate": gate.figures,
    "cycle": cycle.figures,
    "campaign": campaign.figures,
    "pages": pages.figures,
    "portfolio": portfolio.figures,
    "report": report.figures,
}


def main(chosen: list[str]) -> int:
    unknown = set(chosen) - set(GROUPS)
    if unknown:
        print(f"Choose from {', '.join(GROUPS)}.", file=sys.stderr)
        return 2
    figures = [figure for name, group in GROUPS.items() if not chosen or name in chosen for figure in group()]
    print(table(figures))
    return 0 if all(one.ok for one in figures) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
