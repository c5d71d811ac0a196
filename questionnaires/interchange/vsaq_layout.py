"""VSAQ items laid out on pages of bearable length, each question with its texts and conditions."""

from __future__ import annotations

from collections.abc import Iterator

from questionnaires.interchange.markup import one_line
from questionnaires.interchange.result import Notes
from questionnaires.interchange.vsaq_drafts import ANSWERS, Draft, Page, cut, segment
from questionnaires.interchange.vsaq_items import QUESTIONS, Item

# A block with more questions than this is cut into a page for each of its parts.
MAX_ON_PAGE = 20
MAX_SECTIONS = 100
_TEXT, _TITLE = 4000, 200


class Layout:
    """Walks the items once; ``tips`` come with their blocks and the question that they follow."""

    def __init__(self, slug: str, notes: Notes) -> None:
        self.prefix = f"own.{segment(slug)}"
        self.notes = notes
        self.pages: list[Page] = []
        self.tips: list[tuple[Item, tuple[Item, ...], Draft | None]] = []
        self.dropped: list[Item] = []
        self.section_keys: set[str] = set()
        self.question_keys: set[str] = set()
        self.waiting: list[str] = []

    def block(self, items: tuple[Item, ...], chain: tuple[Item, ...], titles: tuple[str, ...]) -> None:
        """Lay out the items of a block (or of the whole file) as one page or several."""
        shown = tuple(self.shown(items))
        if _count(shown) <= MAX_ON_PAGE:
            self.run(shown, chain, titles)
            return
        run: list[Item] = []
        for item in shown:
            if item.kind == "block" and _count((item,)):
                self.run(tuple(run), chain, titles)
                run = []
                self.block(item.items, (*chain, item), (*titles, one_line(item.text)))
            else:
                run.append(item)
        self.run(tuple(run), chain, titles)

    def shown(self, items: tuple[Item, ...]) -> Iterator[Item]:
        """The items that a vendor would ever see; the others are listed."""
        for item in items:
            if item.word("auth") == "admin" or "vsaq-invisible" in item.word("className").split():
                self.dropped.extend(item.walk())
                self.notes.lost.append(f"{item.place}: never shown to those who answer, so it was left out.")
            else:
                yield item

    def run(self, items: tuple[Item, ...], chain: tuple[Item, ...], titles: tuple[str, ...]) -> None:
        """One page with all these items; nothing where they hold no question and no text."""
        if not items:
            return
        title = cut(next((one for one in reversed(titles) if one), "Questions"), _TITLE)
        used = {page.title for page in self.pages}
        if title in used:
            longer = cut(": ".join(one for one in titles[-2:] if one) or title, _TITLE)
            title = longer if longer not in used else f"{title[: _TITLE - 12]} (continued)"
        page = Page(unique(segment(title), self.section_keys), title, chain)
        self.fill(page, items, chain, None)
        if not page.drafts:
            # Texts and tips without a question wait for the next page.
            self.waiting = [*page.intro, *self.waiting]
            return
        self.pages.append(page)

    def fill(
        self, page: Page, items: tuple[Item, ...], chain: tuple[Item, ...], last: Draft | None
    ) -> Draft | None:
        """Put items into a page; answers the last question, which tips and texts behind it belong to."""
        buttons = [item for item in items if item.kind == "radio"]
        for item in items:
            if item.kind == "block":
                shown = tuple(self.shown(item.items))
                before = len(page.drafts)
                last = self.fill(page, shown, (*chain, item), last)
                for draft in page.drafts[before:] if item.text else ():
                    draft.help.insert(0, f"{one_line(item.text)}.")
            elif item.kind == "tip":
                self.tips.append((item, chain, last))
            elif item.kind == "info":
                self.info(item)
            elif item.kind in QUESTIONS and (item.kind != "radio" or item is buttons[0]):
                parts = tuple(buttons) if item.kind == "radio" else (item,)
                last = self.question(page, parts, chain)
        self.leftover(page, last)
        return last

    def info(self, item: Item) -> None:
        if item.text:
            self.waiting.append(item.text)
        if item.condition:
            self.notes.changed.append(f"{item.place}: shown always, not only when {item.condition!r}.")

    def leftover(self, page: Page, last: Draft | None) -> None:
        """Texts behind the last question of a block belong to that question."""
        if self.waiting and page.drafts:
            (last.help if last else page.intro).extend(self.waiting)
            self.waiting = []
        elif self.waiting:
            page.intro.extend(self.waiting)
            self.waiting = []

    def question(self, page: Page, items: tuple[Item, ...], chain: tuple[Item, ...]) -> Draft:
        item = items[0]
        text = "" if item.kind == "radio" else item.text
        if not text and self.waiting:
            text = self.waiting.pop()
        draft = Draft(
            key=f"{self.prefix}.{unique(_base(items), self.question_keys)}",
            type="choice",
            text=text or page.title,
            items=items,
            chain=(*chain, *items) if len(items) == 1 else chain,
        )
        (draft.help if page.drafts else page.intro).extend(self.waiting)
        self.waiting = []
        self.overflow(draft)
        ANSWERS[item.kind](draft, self.notes)
        for one in items:
            self.fields_left(one)
        page.drafts.append(draft)
        return draft

    def overflow(self, draft: Draft) -> None:
        if len(draft.text) > _TEXT:
            at = draft.text.rfind(" ", 0, _TEXT)
            cut = at if at > 0 else _TEXT
            draft.help.insert(0, draft.text[cut:].strip())
            draft.text = draft.text[:cut].strip()
            self.notes.changed.append(f"{draft.item.place}: the text is long; its end stands in the help.")

    def fields_left(self, item: Item) -> None:
        """List what a question holds beyond what became of it."""
        if item.word("auth") == "readonly":
            self.notes.lost.append(f"{item.place}: was read-only, and can be answered now.")
        if item.raw.get("default"):
            self.notes.lost.append(
                f"{item.place}: the answer {item.raw['default']!r:.60} was filled in beforehand."
            )
        if item.word("inputPattern"):
            self.notes.lost.append(
                f"{item.place}: the pattern {item.word('inputPattern')[:80]!r} is not tested."
            )
        if item.word("className"):
            self.notes.lost.append(f"{item.place}: the look {item.word('className')[:60]!r}.")
        for name, words in _conditions(item.raw.get("choicesConds")):
            self.notes.lost.append(f"{item.place}: {name!r} is offered always, not only when {words!r}.")

    def few(self) -> None:
        """Merge the last pages where there are more than a questionnaire may have."""
        surplus = self.pages[MAX_SECTIONS - 1 :]
        if len(surplus) < 2:
            return
        last = Page(surplus[0].key, "Further questions", ())
        for page in surplus:
            if page.intro:
                page.drafts[0].help[:0] = page.intro
            last.drafts.extend(page.drafts)
        self.pages[MAX_SECTIONS - 1 :] = [last]
        self.notes.changed.append(f"The last {len(surplus)} pages were joined: there may be {MAX_SECTIONS}.")


def unique(base: str, taken: set[str]) -> str:
    """The base, or the base with a number where it is taken; the answer is taken from now on."""
    found, number = base, 1
    while found in taken:
        number += 1
        found = f"{base}_{number}"
    taken.add(found)
    return found


def _base(items: tuple[Item, ...]) -> str:
    """What names a question: its id, what the ids of its options begin with, or its first words."""
    item = items[0]
    if item.id and len(items) == 1:
        return segment(item.id)
    ids = [one.id for one in items] if len(items) > 1 else [name for name, _ in item.options]
    common = _common(ids)
    if ids and len(ids) > 1 and common:
        common = (
            common if all(one[len(common) :][:1] in ("", "_") for one in ids) else common.rpartition("_")[0]
        )
    return segment(common or " ".join(item.text.split()[:6]))


def _common(words: list[str]) -> str:
    """What all of them begin with."""
    first, last = min(words, default=""), max(words, default="")
    same = next((at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return first[:same]


def _count(items: tuple[Item, ...]) -> int:
    return sum(one.kind in QUESTIONS for item in items for one in item.walk())


def _conditions(raw: object) -> Iterator[tuple[str, str]]:
    for one in raw if isinstance(raw, list) else ():
        if isinstance(one, dict):
            yield from ((str(name)[:80], str(words)[:200]) for name, words in one.items())
