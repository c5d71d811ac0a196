"""The order of imports (design.md, section 2): a feature knows only earlier ones, and never their pages.

The rule as this code base lives it. A feature is a folder. Its *pages* are ``views``, ``forms`` and whatever else
imports flask, wtforms or marshmallow; everything else is its *inside*, split by task (``service``, ``queries``,
``models``, ``joining``, ``issuing``, ``facts``, ...). Another feature may import the inside, never the pages.
``models`` of another feature serve joins and the types of rows: pages write no statements at all. Exceptions stand in
``AGREED``, each with its reason.
"""

from __future__ import annotations

import ast
import sys

import pytest

from tests.guards.code import Module, imports, modules, names, over

WEB_LIBRARIES = frozenset({"flask", "flask_login", "flask_wtf", "wtforms", "marshmallow", "flask_smorest"})
TEXTS = frozenset({"flask_babel"})  # needs a request's language; presenters may, services may not
FEATURES = [
    "audit",
    "accounts",
    "organisations",
    "library",
    "vendors",
    "evidence",
    "assessments",
    "intake",
    "review",
    "findings",
    "contracts",
    "gate",
    "reassessment",
    "webhooks",
    "portfolio",
    "campaigns",
    "reports",
    "erasure",
    "api",
]
FOUNDATION: dict[str, int] = {
    "settings": 1,
    "clock": 1,
    "faults": 1,
    **dict.fromkeys(
        [
            "db",
            "db_faults",
            "statements",
            "rows",
            "access",
            "web",
            "bodies",
            "addresses",
            "csrf",
            "outbox",
            "mail",
            "storage",
            "forms",
            "formats",
            "notices",
            "paging",
            "listing",
            "exporting",
            "apportion",
            "office",
            "remembered",
            "outside",
            "turns",
            "problems",
            "headers",
            "standalone",
            "asking",
            "letters",
            "metrics",
            "pace",
            "marks",
        ],
        2,
    ),
}
TOP = frozenset(
    [
        "portal",
        "errors",
        "frame",
        "features",
        "health",
        "schema",
        "tables",
        "worker",
        "pass_report",
        "posting",
        "steadiness",
        "cli",
        "demo",
        "demo_cycle",
        "demo_findings",
        "demo_gates",
        "demo_samples",
        "demo_story",
        "installation",
        "server",
        "backup",
        "engines",
        "verifying",
        "restoring",
        "erasing_again",
        "cli_keeping",
        "cli_foreseeing",
        "cli_cycle",
        "logs",
    ]
)  # they assemble the rest
LAST = 100

# (importer, imported) -> why it may. Nothing else may.
AGREED: dict[tuple[str, str], str] = {
    ("portal.vendors.policy_words", "portal.evidence.kinds"): "a policy names kinds of evidence in words",
    (
        "portal.findings.company_views",
        "portal.evidence.forms",
    ): "a file is uploaded beside a proof, too",
    (
        "portal.findings.company_views",
        "portal.evidence.receiving",
    ): "one way of taking in and giving out files",
    ("portal.intake.views", "portal.assessments.answering_form"): "one reader of posted answers",
    ("portal.intake.views", "portal.vendors.forms"): "name and owner of an engagement: one form",
    (
        "portal.assessments.showing_views",
        "portal.evidence.forms",
    ): "a file is uploaded beside a question, too",
    (
        "portal.assessments.showing_views",
        "portal.evidence.receiving",
    ): "one way of taking in and giving out files",
    (
        "portal.evidence.service",
        "portal.erasure.models",
    ): "whoever takes a file's last name away dooms the file",
    (
        "portal.contracts.signing_views",
        "portal.evidence.receiving",
    ): "one way of giving out files",
    ("portal.organisations.forms", "portal.accounts.forms"): "one field for addresses, with one voice",
    (
        "portal.organisations.token_forms",
        "portal.accounts.forms",
    ): "one field for the password that is asked again",
    (
        "portal.organisations.sso_setting_views",
        "portal.accounts.desk",
    ): "one proof before what a thief would do",
    ("portal.organisations.sso_views", "portal.accounts.desk"): "one proof before what a thief would do",
    ("portal.organisations.sso_views", "portal.accounts.forms"): "one proof before what a thief would do",
    ("portal.organisations.token_views", "portal.accounts.desk"): "one proof before what a thief would do",
    ("portal.reassessment.feed_views", "portal.accounts.desk"): "one proof before what a thief would do",
    (
        "portal.reassessment.feed_views",
        "portal.accounts.forms",
    ): "one field for the password that is asked again",
    ("portal.webhooks.views", "portal.accounts.desk"): "one proof before what a thief would do",
    ("portal.webhooks.views", "portal.accounts.forms"): "one proof before what a thief would do",
    ("portal.webhooks.forms", "portal.accounts.forms"): "one field for the password that is asked again",
    (
        "portal.organisations.identity",
        "portal.assessments.models",
    ): "a link is asked about with its session",
    ("portal.assessments.team_views", "portal.organisations.forms"): "the one form that invites a colleague",
    (
        "portal.assessments.delegation_forms",
        "portal.accounts.forms",
    ): "one field for addresses, with one voice",
    ("portal.assessments.joining_views", "portal.accounts.forms"): "accepting an invitation makes an account",
    ("portal.erasure.forms", "portal.accounts.forms"): "one proof for what a thief must not do",
    ("portal.erasure.views", "portal.accounts.desk"): "one proof for what a thief must not do, throttled",
}


def rank(name: str) -> int:
    """Where a module of ours stands in the order."""
    parts = name.split(".")
    if parts[0] == "questionnaires":
        return 0
    if len(parts) == 1 or parts[1] in TOP:
        return LAST
    if parts[1] in FOUNDATION:
        return FOUNDATION[parts[1]]
    if parts[1] in FEATURES:
        return 3 + FEATURES.index(parts[1])
    raise AssertionError(f"{name} has no place in the order: add it to tests/guards/test_imports.py")


def feature_of(name: str) -> str | None:
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in FEATURES else None


def ids(module: Module) -> str:
    return module.name


def is_page(module: Module) -> bool:
    """Whether a module of a feature speaks to browsers."""
    return any(
        name.split(".")[0] in WEB_LIBRARIES or name in ("portal.web", "portal.forms")
        for name, _ in imports(module)
    )


PORTAL = modules("portal")
PAGES = frozenset(one.name for one in PORTAL if feature_of(one.name) and is_page(one))


@over(PORTAL, ids)
def test_a_module_imports_only_earlier_ones(module: Module) -> None:
    wrong = [
        f"{module.where(node)} imports {name}"
        for name, node in imports(module)
        if name in names() and rank(name) > rank(module.name) and (module.name, name) not in AGREED
    ]
    assert wrong == []


@over(PORTAL, ids)
def test_a_feature_does_not_import_the_pages_of_another(module: Module) -> None:
    if rank(module.name) == LAST:
        return
    wrong = [
        f"{module.where(node)} imports {name}"
        for name, node in imports(module)
        if name in PAGES and feature_of(name) != feature_of(module.name) and (module.name, name) not in AGREED
    ]
    assert wrong == []


@over(PORTAL, ids)
def test_models_services_and_queries_know_no_browser(module: Module) -> None:
    last = module.parts[-1]
    if not last.endswith(("models", "service", "queries", "subjects", "catalogue")):
        return
    wrong = [
        f"{module.where(node)} imports {name}"
        for name, node in imports(module)
        if name.split(".")[0] in WEB_LIBRARIES | TEXTS
        or name in ("portal.web", "portal.forms")
        or name in PAGES
    ]
    assert wrong == []


@over(sorted(PAGES))
def test_pages_write_no_statements(name: str) -> None:
    """Statements stand in services and queries: a page that selects is a query that nobody reviews."""
    module = next(one for one in PORTAL if one.name == name)
    allowed = {("sqlalchemy.orm", "Session"), ("sqlalchemy.exc", "SQLAlchemyError")}
    wrong = [
        f"{module.where(node)} imports {alias.name} from {node.module}"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "sqlalchemy"
        for alias in node.names
        if (node.module, alias.name) not in allowed
    ]
    assert wrong == []


SPREADSHEETS = frozenset({"xlsxwriter", "python_calamine"})


@over(modules("questionnaires"), ids)
def test_the_engine_imports_only_the_standard_library(module: Module) -> None:
    """But for the readers of foreign formats, which are imported where they are needed: inside a function."""
    at_once = {id(node) for node in module.tree.body}
    readers = SPREADSHEETS if module.name.startswith("questionnaires.interchange.") else frozenset()
    wrong = [
        f"{module.where(node)} imports {name}"
        for name, node in imports(module)
        if name.split(".")[0] not in sys.stdlib_module_names
        and name.split(".")[0] != "questionnaires"
        and (name.split(".")[0] not in readers or id(node) in at_once)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("library", "home"), [("marshmallow", "api"), ("reportlab", "reports"), ("flask_smorest", "api")]
)
def test_some_libraries_live_in_one_feature(library: str, home: str) -> None:
    wrong = [
        module.where(node)
        for module in PORTAL
        for name, node in imports(module)
        if name.split(".")[0] == library and feature_of(module.name) != home
    ]
    assert wrong == []


# Library -> the modules that may use it; whoever opens a socket elsewhere goes around what portal.outside refuses.
MODULES_OF: dict[str, frozenset[str]] = {
    "holidays": frozenset({"portal.reassessment.workdays"}),
    "prometheus_client": frozenset({"portal.metrics"}),
    "webauthn": frozenset({"portal.accounts.passkey_proof"}),
    "authlib": frozenset({"portal.organisations.sso_tokens", "portal.organisations.sso_provider"}),
    "joserfc": frozenset({"portal.organisations.sso_tokens"}),
    **dict.fromkeys(
        ["socket", "ssl", "http.client", "urllib.request"],
        frozenset(
            {"portal.outside", "portal.mail", "portal.evidence.scanning", "portal.server", "portal.worker"}
        ),
    ),
}


@pytest.mark.parametrize("library", sorted(MODULES_OF))
def test_some_libraries_live_in_named_modules(library: str) -> None:
    wrong = [
        module.where(node)
        for module in PORTAL
        for name, node in imports(module)
        if (name == library or name.startswith(f"{library}.")) and module.name not in MODULES_OF[library]
    ]
    assert wrong == []


def test_no_module_imports_itself_in_a_circle() -> None:
    """At import time; an import inside a function is a circle broken on purpose, and those are few."""
    graph = {one.name: set(_at_import(one)) for one in modules()}
    seen: dict[str, int] = {}

    def visit(name: str, path: tuple[str, ...]) -> None:
        if seen.get(name) == 2:
            return
        assert seen.get(name) != 1, " -> ".join((*path, name))
        seen[name] = 1
        for other in sorted(graph[name]):
            visit(other, (*path, name))
        seen[name] = 2

    for name in sorted(graph):
        visit(name, ())


def _at_import(module: Module) -> list[str]:
    late = {
        id(inner)
        for node in ast.walk(module.tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test))
        for inner in ast.walk(node)
    }
    return [
        name
        for name, node in imports(module)
        if name in names() and id(node) not in late and name != module.name
    ]


def test_every_agreed_exception_is_still_needed() -> None:
    real = {(module.name, name) for module in PORTAL for name, _ in imports(module)}
    assert set(AGREED) <= real
    assert all(len(reason) > 20 for reason in AGREED.values())
