"""Every page in every state that a person may meet, once each: status, landmark, axe, nothing that scrolls sideways."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Response

from tests.browser import released, workbooks
from tests.browser.conftest import Demo, axe_faults, overflow
from tests.browser.states import World, make
from tests.conftest import FULL as SOAK
from tests.portal.world import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser-pages")]

Step = Callable[[Page, World], None]
NOBODY = ""


@dataclass(frozen=True)
class State:
    """``who``: a name of World.people, or NOBODY. ``path``: its names in braces. ``steps`` lead on from there."""

    name: str
    who: str
    path: str
    landmark: str
    status: int = 200
    steps: Step | None = None
    sees: str = field(default="")


def press(label: str) -> Step:
    """Press a button of the page and leave the fields as they are."""

    def step(page: Page, _world: World) -> None:
        page.locator("main, .savebar").get_by_role("button", name=label, exact=True).first.click()

    return step


def write(selector: str, text: str, label: str) -> Step:
    """Write into one field, then press a button."""

    def step(page: Page, world: World) -> None:
        page.locator(selector).fill(text)
        press(label)(page, world)

    return step


def old_revision(page: Page, world: World) -> None:
    """As if somebody had changed the engagement while this page lay open."""
    page.locator("[name=revision]").evaluate("one => { one.value = '0'; }")
    page.locator("[name=name]").fill("Archive of claims")
    press("Save the engagement")(page, world)


def wrong_number(page: Page, world: World) -> None:
    """The script keeps still, so that the page itself comes back."""
    page.route("**/answers*", lambda route: route.abort())
    page.locator("[name='a.vuln.patch_critical_days']").fill("about 14")
    press("Save")(page, world)


def wrong_code(page: Page, world: World) -> None:
    """The set-up that another state has begun, or a new one."""
    if page.locator("[name=current]").count():
        write("[name=current]", PASSWORD, "Begin")(page, world)
        page.wait_for_load_state()
    write("[name=code]", "000000", "Switch it on")(page, world)


def prove(what: str) -> Step:
    """Password and a recovery code that is left."""

    def step(page: Page, world: World) -> None:
        page.locator("[name=current]").fill(PASSWORD)
        write("[name=code]", getattr(world, what), "Make new recovery codes")(page, world)

    return step


def open_menu(page: Page, _world: World) -> None:
    page.locator("#me-button").click()


def open_tenants(page: Page, _world: World) -> None:
    page.locator("#tenants-button").click()


def open_details(page: Page, _world: World) -> None:
    page.locator("main details").evaluate_all("all => all.forEach(one => { one.open = true; })")


def follow(label: str) -> Step:
    """Follow a link of the page."""

    def step(page: Page, _world: World) -> None:
        page.locator("main").get_by_role("link", name=label, exact=True).first.click()

    return step


def nameless_contact(page: Page, world: World) -> None:
    follow("Iris Newcomer")(page, world)
    write("[name=name]", "", "Save the contact")(page, world)


def choose_all(page: Page, world: World) -> None:
    """Every vendor of the page, then what would go to whom."""
    page.locator("[name=pick]").evaluate_all("all => all.forEach(one => { one.checked = true; })")
    press("Those chosen here")(page, world)


def send_without_reason(page: Page, world: World) -> None:
    choose_all(page, world)
    page.locator("[name=do][value=issue]").click()


def colleague_was_first(page: Page, world: World) -> None:
    """As if a colleague had saved the question while this page lay open."""
    page.locator("[name=seen]").first.evaluate("one => { one.value = '0'.repeat(64); }")
    write("#f-help", "Look at the sign-in settings.", "Save")(page, world)


def press_tried(page: Page, world: World) -> None:
    """Choose the first answer that something hangs on, and look again."""
    open_details(page, world)
    page.locator("main details select").first.select_option(index=1)
    press("Show what is asked")(page, world)


def too_long(page: Page, world: World) -> None:
    write("#f-text", "Why? " * 900, "Save")(page, world)


US, THEM = "/o/{o}", "/c/{c}"
WRITING = US + "/drafts/{writing}"
SEALED, DRAFT, FULL = (
    THEM + "/assessments/{sealed}",
    THEM + "/assessments/{draft}",
    THEM + "/assessments/{full}",
)
ASKED_C, ASKED_O = THEM + "/assessments/{asked}", US + "/assessments/{asked}"
PAPERS = THEM + "/assessments/{draft}/sections/resilience/questions/resilience.restore_test/evidence"
STATES = [
    # signed out
    State("sign-in", NOBODY, "/sign-in", "I forgot my password"),
    State("sign-in refused", NOBODY, "/sign-in", "Write your password.", 422, press("Sign in")),
    State("signed out on the way", NOBODY, US + "/vendors", "the page that you asked for"),
    State("forgotten password", NOBODY, "/forgot", "Send me the link"),
    State(
        "forgotten password, asked",
        NOBODY,
        "/forgot",
        "Look into your mail",
        200,
        write("[name=email]", "nobody@nowhere.example", "Send me the link"),
    ),
    State("new password", NOBODY, "/reset/{reset}", "Save the password"),
    State(
        "new password refused",
        NOBODY,
        "/reset/{reset}",
        "needs another look",
        422,
        press("Save the password"),
    ),
    State("link of a letter used or unknown", NOBODY, "/reset/" + "x" * 43, "link", 404),
    State("invitation", NOBODY, "/invitations/{invitation}", "Accept the invitation"),
    State(
        "invitation refused",
        NOBODY,
        "/invitations/{invitation}",
        "Choose a password.",
        422,
        press("Accept the invitation"),
    ),
    State("invitation unknown", NOBODY, "/invitations/" + "x" * 43, "Ask whoever invited you", 404),
    State("nothing here, signed out", NOBODY, "/nothing", "Not found", 404),
    # organisation
    State("overview", "ciso", US + "/", "What waits"),
    State("overview, account menu open", "ciso", US + "/", "Sign out", 200, open_menu),
    State("overview of nothing yet", "many", "/o/{empty_o}/", "How to begin"),
    State("vendors", "procurement", US + "/vendors", "Slate"),
    State("vendors, none found", "procurement", US + "/vendors?q=zzz", "No vendor fits “zzz”."),
    State("vendors, none yet", "many", "/o/{empty_o}/vendors", "vendor"),
    State("vendor", "procurement", US + "/vendors/{vendor}", "People of the vendor"),
    State("vendor without an engagement", "procurement", US + "/vendors/{bare_vendor}", "not on record"),
    State("vendor with somebody invited", "procurement", US + "/vendors/{silent_vendor}", "Send again"),
    State("vendor, wrong company", "procurement", US + "/vendors/{vendor}/unlink", "Take the vendor away"),
    State("vendor for a reader", "auditor", US + "/vendors/{vendor}", "Claims archive"),
    State("new vendor", "procurement", US + "/vendors/new", "Put the vendor on record"),
    State(
        "new vendor refused",
        "procurement",
        US + "/vendors/new",
        "Write the vendor's name.",
        422,
        press("Put the vendor on record"),
    ),
    State(
        "new engagement", "procurement", US + "/vendors/{vendor}/engagements/new", "How much depends on it"
    ),
    State(
        "new engagement refused",
        "procurement",
        US + "/vendors/{vendor}/engagements/new",
        "2 things need another look",
        422,
        press("Put the engagement on record"),
    ),
    State("engagement", "procurement", US + "/engagements/{engagement}", "Facts"),
    State(
        "engagement changed by somebody else",
        "procurement",
        US + "/engagements/{engagement}/edit",
        "Someone else was faster",
        409,
        old_revision,
    ),
    State("invite a contact", "procurement", US + "/vendors/{silent_vendor}/contacts/new", "14 days"),
    State(
        "invite a contact refused",
        "procurement",
        US + "/vendors/{silent_vendor}/contacts/new",
        "Write the address to invite.",
        422,
        press("Send the invitation"),
    ),
    State("issue", "procurement", US + "/vendors/{vendor}/issue", "Why you ask"),
    State(
        "issue refused",
        "procurement",
        US + "/vendors/{silent_vendor}/issue",
        "Say in a sentence why you ask.",
        422,
        press("Issue the assessment"),
    ),
    State("issue without an engagement", "procurement", US + "/vendors/{bare_vendor}/issue", "not on record"),
    State("assessments", "ciso", US + "/assessments", "Being answered"),
    State("assessments, none yet", "many", "/o/{empty_o}/assessments", "assessment"),
    State("assessment being answered", "ciso", US + "/assessments/{draft}", "How far they are"),
    State("assessment submitted", "ciso", US + "/assessments/{sealed}", "Submitted and sealed"),
    State("result", "ciso", US + "/assessments/{sealed}/result", "knock-outs", 200, open_details),
    State("result of nothing yet", "ciso", US + "/assessments/{draft}/result", "Not found", 404),
    State("sealed answers", "ciso", US + "/assessments/{sealed}/answers", "Nothing here can be changed"),
    State(
        "requirements",
        "ciso",
        US + "/engagements/{engagement}/requirements",
        "Model clause",
        200,
        open_details,
    ),
    State(
        "requirements, none yet",
        "ciso",
        US + "/engagements/{silent_engagement}/requirements",
        "Nothing is evaluated yet.",
    ),
    State("sealed answers, lost points", "ciso", US + "/assessments/{sealed}/answers?show=lost", "lost"),
    State(
        "sealed answers, none changed",
        "ciso",
        US + "/assessments/{sealed}/answers?show=turned",
        "Show every answer",
    ),
    State("engagements", "procurement", US + "/engagements", "Claims archive"),
    State(
        "engagements, none found",
        "procurement",
        US + "/engagements?q=zzz&tier=low",
        "No engagement fits “zzz”.",
    ),
    State("engagements, none yet", "many", "/o/{empty_o}/engagements", "Nothing that you buy"),
    State("contacts", "procurement", US + "/contacts", "Iris Newcomer"),
    State("contacts, none found", "procurement", US + "/contacts?q=zzz", "No contact fits “zzz”."),
    State("contacts, none yet", "many", "/o/{empty_o}/contacts", "Nobody is written down yet."),
    State("contact", "procurement", US + "/contacts", "Remove this contact", 200, follow("Iris Newcomer")),
    State(
        "contact refused", "procurement", US + "/contacts", "Write the person's name.", 422, nameless_contact
    ),
    State("issue to many", "procurement", US + "/vendors", "The letter goes to", 200, choose_all),
    State(
        "issue to many, refused",
        "procurement",
        US + "/vendors",
        "Say in a sentence",
        422,
        send_without_reason,
    ),
    State(
        "issue to many, nothing chosen",
        "procurement",
        US + "/vendors",
        "Nothing is chosen",
        422,
        press("Those chosen here"),
    ),
    State("events", "auditor", US + "/events", "Who did what here, and when"),
    State(
        "events, narrowed",
        "auditor",
        US + "/events?group=assessments&first=2020-01-01",
        "issued an assessment",
    ),
    State("events, none found", "auditor", US + "/events?last=2020-01-01", "No event fits this filter."),
    State("events of the company", "owner", THEM + "/events", "saved answers"),
    State("schedule", "ciso", US + "/schedule", "Why this date"),
    State("schedule, open assessments", "ciso", US + "/schedule?view=open", "Reminders go to"),
    State("schedule of nothing yet", "many", "/o/{empty_o}/schedule", "No next assessment yet"),
    State("questionnaires", "auditor", US + "/questionnaires", "Security basics"),
    State("questionnaires, drafts", "ciso", US + "/questionnaires", "Rules of the quarry"),
    State("questionnaires, no drafts", "many", "/o/{empty_o}/questionnaires", "None yet."),
    *(State(*one) for one in released.STATES),
    *(State(*one[:5], press(one[5])) for one in released.PRESSED),
    State("new draft", "ciso", US + "/drafts/new", "only your organisation sees"),
    State("new draft refused", "ciso", US + "/drafts/new", "Write the title", 422, press("Begin the draft")),
    State("draft", "ciso", WRITING, "faults keep it from being released", steps=open_details),
    State("draft, read only", "auditor", WRITING, "A draft: only your organisation sees it."),
    State("draft, empty", "ciso", US + "/drafts/{blank}", "No sections yet"),
    State("draft, section refused", "ciso", WRITING, "Write a title.", 422, press("Add the section")),
    State("draft, header", "ciso", WRITING + "/header", "Bands", steps=open_details),
    State(
        "draft, section", "ciso", WRITING + "/sections/access", "Its questions, in order", steps=open_details
    ),
    State(
        "draft, question refused",
        "ciso",
        WRITING + "/sections/access",
        "Write the question.",
        422,
        press("Add the question"),
    ),
    State(
        "draft, question",
        "ciso",
        WRITING + "/questions/access.mfa_staff",
        "Make it my own question",
        steps=open_details,
    ),
    State(
        "draft, question with faults",
        "ciso",
        WRITING + "/questions/own.doors_and_keys.how_many_keys_are_lost_in",
        "Must be a whole number",
        steps=open_details,
    ),
    State(
        "draft, question of rows",
        "ciso",
        WRITING + "/questions/own.doors_and_keys.which_doors_are_there",
        "Save and add columns",
        steps=open_details,
    ),
    State(
        "draft, question, two editors",
        "ciso",
        WRITING + "/questions/access.mfa_admin",
        "Where the two differ",
        409,
        colleague_was_first,
    ),
    State(
        "draft, question too long",
        "ciso",
        WRITING + "/questions/access.mfa_admin",
        "This cannot be stored as it is",
        422,
        too_long,
    ),
    State("draft, names", "ciso", WRITING + "/names", "Facts of the engagement"),
    State("draft, preview", "auditor", WRITING + "/preview?section=access", "nothing here is stored"),
    State(
        "draft, preview tried",
        "auditor",
        WRITING + "/preview?section=access",
        "Begin again",
        steps=press_tried,
    ),
    State(
        "draft, preview of nothing", "ciso", US + "/drafts/{blank}/preview", "There is nothing to show yet"
    ),
    State(
        "preview of a questionnaire", "auditor", US + "/questionnaires/security_lite/1.0.0", "How it is rated"
    ),
    State("settings", "admin", US + "/settings", "What vendors see of their rating"),
    State(
        "settings refused",
        "admin",
        US + "/settings",
        "needs another look",
        422,
        write("[name=name]", "", "Save the settings"),
    ),
    State("erasure", "admin", US + "/erasures", "Proposals"),
    State("erasure of answers", "admin", US + "/assessments/{sealed}/erase", "Which answers"),
    State(
        "erasure of answers refused",
        "admin",
        US + "/assessments/{sealed}/erase",
        "Choose one.",
        422,
        press("Propose it"),
    ),
    State("erasure of a vendor", "admin", US + "/vendors/{vendor}/offboard", "Offboard a vendor"),
    State(
        "erasure, proposed",
        "admin",
        US + "/vendors/{vendor}/offboard",
        "It waits for a second person.",
        200,
        write("[name=reason]", "The contract has ended.", "Propose it"),
    ),
    State("erasure of the organisation", "admin", US + "/close", "Leave the portal"),
    State("copy", "owner", THEM + "/copy", "What is in it"),
    State("erasure, company", "owner", THEM + "/erasures", "Nothing has been proposed."),
    State("erasure of the company", "owner", THEM + "/close", "Take a copy first"),
    State("own data", "owner", "/account/data", "Be erased"),
    State(
        "own data refused",
        "owner",
        "/account/data",
        "Tick the box if you are sure.",
        422,
        press("Erase my account for good"),
    ),
    State("not this role", "procurement", US + "/settings", "You may see this, but not do it", 403),
    State("members", "admin", US + "/members", "Invite a person"),
    State(
        "members refused", "admin", US + "/members", "need another look", 422, press("Send the invitation")
    ),
    State("removing a member", "admin", US + "/members/{leaver}/remove", "loses access to"),
    State("removing the last administrator", "admin", US + "/members/{keeper}/remove", "is the only one"),
    State("members for a reader", "auditor", US + "/members", "Only an administrator"),
    State("not here, or not yours", "ciso", "/o/{empty_o}/vendors", "Not found", 404),
    # company
    State("home", "owner", THEM + "/", "questionnaires wait for you"),
    State("home of nothing yet", "many", "/c/{empty_c}/", "Nothing waits for you"),
    State("documents", "owner", THEM + "/evidence", "One document has expired"),
    State("documents, none found", "owner", THEM + "/evidence?q=zzz", "No document fits “zzz”."),
    State("documents, none yet", "many", "/c/{empty_c}/evidence", "Add the first document"),
    State("new document", "owner", THEM + "/evidence/new", "Nobody outside your team sees it"),
    State(
        "new document refused",
        "owner",
        THEM + "/evidence/new",
        "Choose a file.",
        422,
        press("Add the document"),
    ),
    State("document", "owner", THEM + "/evidence/{paper}", "Where it is shown"),
    State("document changed", "owner", THEM + "/evidence/{paper}/edit", "The file itself cannot be changed"),
    State("document removed", "owner", THEM + "/evidence/{paper}/remove", "It was submitted once."),
    State("document replaced", "owner", THEM + "/evidence/{paper}/replace", "A new file is a new document"),
    State("documents of a question", "owner", PAPERS, "What proves this answer"),
    State("documents of a question, none found", "owner", PAPERS + "?q=zzz", "No document fits “zzz”."),
    State(
        "documents of a question refused",
        "contributor",
        PAPERS,
        "Choose a file.",
        422,
        press("Upload and lay beside the answer"),
    ),
    State(
        "section with a document",
        "owner",
        DRAFT + "/sections/resilience",
        "Restore test of the archive",
        200,
        open_details,
    ),
    State("assessment of the company", "owner", DRAFT, "Sections"),
    State("all questions", "owner", DRAFT + "/questions", "to read before anybody answers"),
    State("section", "owner", DRAFT + "/sections/people", "When do your people learn about security?"),
    State(
        "section, a number refused",
        "owner",
        DRAFT + "/sections/vulnerability",
        "You wrote",
        422,
        wrong_number,
    ),
    State("section with two answers", "contributor", DRAFT + "/sections/{torn}", "answered at the same time"),
    State("workbook", "owner", DRAFT + "/workbook", "Bring it back"),
    State(
        "workbook that is none",
        "owner",
        DRAFT + "/workbook",
        "no Excel workbook",
        422,
        workbooks.bring_rubbish,
    ),
    State(
        "workbook, what it would change", "owner", DRAFT + "/workbook", workbooks.WORDS, 200, workbooks.bring
    ),
    State(
        "workbook, nothing ticked",
        "owner",
        DRAFT + "/workbook",
        "Nothing is ticked",
        422,
        workbooks.bring_and_untick,
    ),
    State("workbook that waits", "owner", DRAFT + "/workbook", "not decided yet"),
    State("section not asked", "owner", DRAFT + "/sections/{unasked}", "Nothing to answer here."),
    State("what is missing", "contributor", DRAFT + "/missing", "Two answers to one question"),
    State(
        "what was answered before", "owner", DRAFT + "/earlier", "Answers that you gave to other customers"
    ),
    State("nothing is missing", "owner", FULL + "/missing", "Nothing is missing."),
    State("behind a link", NOBODY, "/delegations/{link}", "Open my questions"),
    State("behind a link, signed in", "many", "/delegations/{link}", "Two at once."),
    State("a link that ended", NOBODY, "/delegations/" + "x" * 43, "was taken back", 404),
    State("a helper's part", NOBODY, "/delegations/{link}", "I am finished", 200, press("Open my questions")),
    State("your own part", "contributor", DRAFT + "/mine", "I am finished"),
    State("who answers what", "owner", DRAFT + "/delegations", "Read and accept"),
    State("who answers what, nobody", "owner", FULL + "/delegations", "Of your team"),
    State("giving questions", "owner", DRAFT + "/delegations/new?key=people", "To whom", 200, open_details),
    State(
        "giving questions refused",
        "owner",
        DRAFT + "/delegations/new",
        "Choose somebody of your team.",
        422,
        press("Give and send the letter"),
    ),
    State("read and accept", "owner", DRAFT + "/delegations/answers", "Change it instead"),
    State("nothing to accept", "owner", FULL + "/delegations/answers", "Nothing waits."),
    State("read through, not complete", "owner", DRAFT + "/submit", "Something is still missing."),
    State("read through and sign", "owner", FULL + "/submit", "There is no way back"),
    State(
        "signature refused",
        "owner",
        FULL + "/submit",
        "Nothing was submitted.",
        422,
        press("Sign and submit to Quarry Mutual"),
    ),
    State("read through for a contributor", "contributor", FULL + "/submit", "Only an owner of"),
    State("receipt", "owner", SEALED + "/receipt", "The hash has just been recomputed"),
    State("sealed section", "contributor", SEALED + "/sections/people", "These answers are sealed."),
    State("result, all", "owner", SEALED + "/result", "The shortest way up", sees="all"),
    State("result, band", "owner", SEALED + "/result", "not the numbers behind it", sees="band"),
    State("result, nothing", "owner", SEALED + "/result", "It does not show its rating", sees="nothing"),
    State("sealed answers of the company", "owner", SEALED + "/answers", "Nothing here can be changed"),
    # enquiries, the company's side
    State("questions and requests", "owner", ASKED_C + "/enquiries", "Contractors count too."),
    State("questions and requests, threads open", "owner", ASKED_C + "/enquiries", "Send", 200, open_details),
    State(
        "questions and requests of a draft, none yet",
        "owner",
        DRAFT + "/enquiries",
        "Nothing has been asked yet",
    ),
    State(
        "asking about a question",
        "owner",
        DRAFT + "/enquiries/question?key=access.mfa_staff",
        "Send the question",
    ),
    State(
        "asking, refused",
        "owner",
        DRAFT + "/enquiries/question",
        "needs another look",
        422,
        press("Send the question"),
    ),
    State("asking for more time", "owner", DRAFT + "/enquiries/more_time", "Until when"),
    State("naming another person", "owner", DRAFT + "/enquiries/other_person", "Name of the right person"),
    State("declining", "owner", DRAFT + "/enquiries/decline", "Decline with this reason"),
    State("asking to reopen", "owner", SEALED + "/enquiries/reopen", "Ask to reopen it"),
    State("assessment with enquiries", "owner", ASKED_C, "You have asked"),
    State("taken back", "owner", THEM + "/assessments/{taken_back}", "taken this request back"),
    State("declined", "owner", THEM + "/assessments/{declined}", "your company declines"),
    State("locked section", "owner", THEM + "/assessments/{taken_back}/sections/profile", "they are locked"),
    State("round two", "owner", THEM + "/assessments/{reopened}", "Round 2."),
    State("receipt of round one", "owner", THEM + "/assessments/{reopened}/receipt", "This is round 1."),
    State("result of round one", "owner", THEM + "/assessments/{reopened}/result", "This is round 1."),
    # enquiries, the organisation's side
    State("enquiries", "ciso", US + "/enquiries", "Waits for you"),
    State("enquiries, none found", "ciso", US + "/enquiries?q=zzz", "No enquiry fits “zzz”."),
    State("enquiries, none yet", "many", "/o/{empty_o}/enquiries", "Nothing waits for you."),
    State("enquiry answered", "ciso", ASKED_O + "/enquiries/{question}", "Add to your answer"),
    State("enquiry to decide", "ciso", ASKED_O + "/enquiries/{wish}", "Refuse with this reason"),
    State(
        "enquiry for a reader",
        "auditor",
        ASKED_O + "/enquiries/{wish}",
        "Who issues assessments answers this.",
    ),
    State(
        "enquiry refused without a reason",
        "ciso",
        ASKED_O + "/enquiries/{wish}",
        "needs another look",
        422,
        press("Refuse with this reason"),
    ),
    State("assessment with enquiries, organisation", "ciso", ASKED_O, "The vendor asks you 2 things"),
    State("moving the date", "ciso", ASKED_O + "/change/extend", "Our auditor comes"),
    State("moving to another version", "ciso", ASKED_O + "/move", "There is no newer version"),
    State("asking another person", "ciso", ASKED_O + "/change/readdress", "Ask this person"),
    State("taking a request back", "ciso", ASKED_O + "/change/cancel", "Take the request back"),
    State("reopening", "ciso", US + "/assessments/{sealed}/change/reopen", "Reopen it"),
    State(
        "taken back, organisation", "ciso", US + "/assessments/{taken_back}", "This request was taken back"
    ),
    State("declined, organisation", "ciso", US + "/assessments/{declined}", "has declined to answer"),
    State("round two, organisation", "ciso", US + "/assessments/{reopened}", "being answered again"),
    # codes, and the wrong person
    State("checking a code", NOBODY, "/confirm", "Check the code"),
    State(
        "checking a wrong code",
        NOBODY,
        "/confirm",
        "No request",
        422,
        write("[name=code]", "00000", "Check the code"),
    ),
    State(
        "not the right person", NOBODY, "/invitations/{invitation}/not-me", "End the invitation and tell them"
    ),
    State("team", "owner", THEM + "/team", "Invite a person"),
    State("team for a contributor", "contributor", THEM + "/team", "Only an owner"),
    # a person
    State("several organisations", "many", "/home", "What waits at each organisation"),
    State("several organisations, none found", "many", "/clients?q=zzz", "No organisation of yours fits"),
    State(
        "several tenants, switcher open",
        "many",
        "/o/{empty_o}/",
        "Nothing is shared between them.",
        200,
        open_tenants,
    ),
    State("no tenant", "nowhere", "/home", "You belong to no organisation"),
    State("account", "owner", "/account", "Change your password"),
    State("second factor, off", "many", "/account/second-factor?for=/o/{empty_o}/", "How it goes"),
    State(
        "second factor, to be confirmed",
        "many",
        "/account/second-factor",
        "Give the app the key",
        200,
        write("[name=current]", PASSWORD, "Begin"),
    ),
    State(
        "second factor, first code refused", "many", "/account/second-factor", "is not right", 422, wrong_code
    ),
    State("second factor, on", "guarded", "/account/second-factor", "recovery codes are left"),
    State("new recovery codes", "guarded", "/account/second-factor/codes", "You get ten new ones"),
    State(
        "new recovery codes, shown",
        "guarded",
        "/account/second-factor/codes",
        "We show them this once",
        200,
        prove("recovery"),
    ),
    State(
        "second factor, removal refused",
        "guarded",
        "/account/second-factor/remove",
        "Write the code.",
        422,
        press("Remove the second factor"),
    ),
    State("second step", "half", "/sign-in/code", "Now the code from your phone"),
    State("second step refused", "half", "/sign-in/code", "Write the code.", 422, press("Go on")),
    State("signed-in browsers", "owner", "/account/sessions", "This browser"),
    State("security history", "owner", "/account/history", "Joined Slate Works"),
    State("change of address", "nowhere", "/account/address", "Two letters leave."),
    State(
        "change of address refused",
        "nowhere",
        "/account/address",
        "Write the password",
        422,
        press("Send the two letters"),
    ),
    State("change of address that waits", "guarded", "/account", "waits to be confirmed"),
    State("change of address to confirm", "guarded", "/account/address/confirm/{address}", "From now on"),
    State(
        "change of address to stop", NOBODY, "/account/address/stop/{stopping}", "Stop the change of address?"
    ),
    State(
        "account refused",
        "owner",
        "/account",
        "Write the password that you have now.",
        422,
        press("Change the password"),
    ),
]


@pytest.fixture(scope="module")
def made(demo: Demo) -> World:
    return make(demo)


@pytest.fixture(scope="module")
def visitors(chromium: Browser, demo: Demo, made: World) -> Iterator[Callable[[str], Page]]:
    """A page for each person, kept where it can be: a new one costs Chromium two processes. Signed in by a row."""
    open_now: dict[str, BrowserContext] = {}

    def of(who: str) -> Page:
        if who not in open_now:
            context = chromium.new_context(base_url=demo.url, reduced_motion="reduce")
            context.set_default_timeout(15_000)
            if who:
                context.add_cookies([{"name": "session", "value": made.cookie(who), "url": demo.url}])
            open_now[who] = context
        for page in open_now[who].pages:
            if "/assessments/" not in page.url:
                return page
            page.close()  # what it was saving by itself would hold up the next state
        return open_now[who].new_page()

    yield of
    for context in open_now.values():
        context.close()


@pytest.mark.parametrize("state", STATES, ids=lambda one: one.name.replace(" ", "-"))
def test_a_page_in_one_state(visitors: Callable[[str], Page], made: World, state: State) -> None:
    if state.sees:
        made.let_see(state.sees)
    page = visitors(state.who)
    statuses: list[int] = []

    def note(answer: Response) -> None:
        if answer.request.is_navigation_request():
            statuses.append(answer.status)

    page.on("response", note)
    try:
        page.set_viewport_size({"width": 1280, "height": 900})
        page.emulate_media(color_scheme="light")
        page.goto(state.path.format(**vars(made)))
        if state.steps:
            state.steps(page, made)
            page.wait_for_load_state()
        text = page.locator("body").inner_text()
        assert (statuses[-1], state.landmark in text) == (state.status, True), text[:2000]
        assert page.locator("h1").count() == 1
        assert page.title().startswith("Error:") is (state.status >= 400), page.title()
        faults = _faults(page, "1280 light")
        page.set_viewport_size({"width": 375, "height": 800})
        page.emulate_media(color_scheme="dark")
        faults += _faults(page, "375 dark")
        page.set_viewport_size({"width": 320, "height": 256})  # what 1280 x 1024 leaves at 400 %
        faults += [f"320: scrolls sideways by {wide} pixels" for wide in [overflow(page)] if wide > 0]
        if SOAK:
            page.emulate_media(color_scheme="light")
            faults += _faults(page, "320 light")
            page.set_viewport_size({"width": 1280, "height": 900})
            page.emulate_media(color_scheme="dark")
            faults += _faults(page, "1280 dark")
        assert faults == []
    except BaseException:
        page.close()  # whatever it is in, the next state begins afresh
        raise
    finally:
        page.remove_listener("response", note)


def _faults(page: Page, size: str) -> list[str]:
    wide = overflow(page)
    found = [f"{size}: scrolls sideways by {wide} pixels"] if wide > 0 else []
    return found + [f"{size}: {one}" for one in axe_faults(page)]
