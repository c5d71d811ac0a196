"""Workbooks in a real browser: downloaded with the session of the page, filled in, and given to its form."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

from questionnaires import catalog
from questionnaires.definition import Question
from tests.portal.assessments.workbooks import XLSX, Rows, build, column, tables

WORDS = "Words from the workbook"
UPLOAD = "Upload and see what would change"


def download(page: Page) -> bytes:
    """The workbook of the page “Work in a spreadsheet”."""
    with page.expect_download() as taken:
        page.get_by_role("link", name="Download the workbook").click()
    return taken.value.path().read_bytes()


def upload(page: Page, data: bytes) -> None:
    page.locator("#file").set_input_files({"name": "answers.xlsx", "mimeType": XLSX, "buffer": data})
    with page.expect_navigation():
        page.get_by_role("button", name=UPLOAD).click()


def bring(page: Page, _world: Any = None) -> None:
    """Download, fill in a little of everything, upload."""
    upload(page, filled(download(page)))


def bring_and_leave(page: Page, world: Any = None) -> None:
    """Upload, decide nothing, come back."""
    here = page.url
    bring(page, world)
    page.goto(here)


def bring_rubbish(page: Page, _world: Any = None) -> None:
    upload(page, b"key;answer\r\n")


def bring_and_untick(page: Page, _world: Any = None) -> None:
    bring(page)
    for box in page.locator("[name=take]").all():
        box.uncheck()
    with page.expect_navigation():
        page.get_by_role("button", name="Take over what is ticked").click()


def filled(data: bytes) -> bytes:
    """A new answer, another choice, a choice on an older revision, and a number that is none."""
    sheets = tables(data)
    rows = sheets["Questions"]
    questions = catalog.latest("security_core").questions
    for kind in ("new", "choice", "stale", "number"):
        row = next((one for one in rows[2:] if _fits(rows, one, questions, kind)), None)
        if row is not None:
            _fill(rows, row, questions, kind)
    return build(sheets)


def _fits(rows: Rows, row: list[Any], questions: Any, kind: str) -> bool:
    question: Question | None = questions.get(row[column(rows, "key")])
    if question is None or row[column(rows, "option")]:
        return False
    answered, state = bool(row[column(rows, "answer")]), str(row[column(rows, "state")])
    match kind:
        case "choice":
            return question.type == "choice" and answered and state.endswith("-r1")
        case "new":
            return question.type == "choice" and not answered and state.endswith("-r0")
        case "stale":
            return question.type == "choice" and answered and state[-2:] in ("r2", "r3")
        case _:
            return question.type == kind and not answered


def _fill(rows: Rows, row: list[Any], questions: Any, kind: str) -> None:
    answer, state = column(rows, "answer"), column(rows, "state")
    options = questions[row[column(rows, "key")]].options
    if kind == "number":
        row[answer] = "about 2"
    else:
        row[answer] = [one.label for one in options if one.label != row[answer]][-1]
    if kind == "new":
        row[column(rows, "comment")] = WORDS
    if kind == "stale":
        row[state] = f"{row[state][:-1]}1"
