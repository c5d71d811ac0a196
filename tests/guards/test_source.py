"""What the source may say and where: commits, raw SQL, clocks, addresses, docstrings, lengths, silenced warnings."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.guards.code import ROOT, Module, committed, modules, over

EVERY = modules()
PORTAL = modules("portal")
TESTS = modules("tests")
LONGEST_FILE, LONGEST_TEST = 400, 700  # rule tables are long by nature
# Files longer than that, each with the reason why it is not split.
LONG: dict[str, str] = {}
# Methods that would go round the checks of a session (db.py): by the connection, by identity or in bulk.
AROUND = frozenset(
    [
        "connection",
        "connect",
        "raw_connection",
        "get",
        "merge",
        "query",
        "bulk_save_objects",
        "bulk_insert_mappings",
        "bulk_update_mappings",
        "exec_driver_sql",
    ]
)
WAYS_ROUND_SESSIONS = {
    "portal.db": "makes the sessions",
    "portal.schema": "alembic works on connections",
    "portal.rows": "many plain rows at once; it checks tenant and audit as the session does",
    "portal.engines": "whole databases, copied and checked by the engine's own means",
}


def calls(module: Module) -> Iterator[ast.Call]:
    return (node for node in ast.walk(module.tree) if isinstance(node, ast.Call))


def ids(module: Module) -> str:
    return module.name


@over(PORTAL, ids)
def test_only_db_commits_and_rolls_back(module: Module) -> None:
    if module.name == "portal.db":
        return
    wrong = [
        module.where(node)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute)
        and node.attr in ("commit", "rollback", "autocommit", "begin")
        and not (module.name == "portal.schema" and node.attr == "begin")
    ]
    assert wrong == []


@over(PORTAL, ids)
def test_raw_sql_stays_in_db_and_migrations(module: Module) -> None:
    if module.name in ("portal.db", "portal.engines"):
        return
    wrong = [
        module.where(node)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith("sqlalchemy")
        and any(alias.name in ("text", "literal_column", "TextClause", "DDL") for alias in node.names)
    ]
    wrong += [
        module.where(call)
        for call in calls(module)
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in ("exec_driver_sql", "literal_column", "op")
        and not (call.func.attr == "op" and not call.args)
    ]
    assert wrong == []


@over(PORTAL, ids)
def test_nothing_goes_round_the_scope_of_a_session(module: Module) -> None:
    """``session.connection()``, ``session.get`` and bulk methods skip the check that db.py makes of each statement."""
    if module.name in WAYS_ROUND_SESSIONS:
        return
    wrong = [
        f"{module.where(call)} {ast.unparse(call.func)}"
        for call in calls(module)
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in AROUND
        and re.search(
            r"(session|db\(\)|database|engine|writing|reading|get_bind\(\)|\.bind)$",
            ast.unparse(call.func.value),
        )
    ]
    assert wrong == []


@over(PORTAL, ids)
def test_sessions_and_engines_are_made_in_db_alone(module: Module) -> None:
    if module.name == "portal.db":
        return
    wrong = [
        module.where(call)
        for call in calls(module)
        if ast.unparse(call.func).rsplit(".", 1)[-1]
        in ("Session", "sessionmaker", "scoped_session", "create_engine")
    ]
    assert wrong == []


@over(EVERY, ids)
def test_clock_is_the_only_clock(module: Module) -> None:
    if module.name == "portal.clock":
        return
    banned = re.compile(
        r"(^|\.)(datetime\.(now|utcnow|today|fromtimestamp)|date\.(today|fromtimestamp)|time\.(time|localtime|gmtime)|"
        r"func\.(now|current_timestamp|current_date))$"
    )
    wrong = [
        f"{module.where(call)} {ast.unparse(call.func)}"
        for call in calls(module)
        if banned.search(ast.unparse(call.func))
    ]
    assert wrong == []


@over(PORTAL, ids)
def test_services_and_queries_take_time_as_a_parameter(module: Module) -> None:
    if not module.parts[-1].endswith(
        ("service", "queries", "models", "joining", "issuing", "submitting", "rating")
    ):
        return
    assert [module.where(call) for call in calls(module) if ast.unparse(call.func) == "clock.now"] == []


@over(PORTAL, ids)
def test_rows_are_not_loaded_lazily(module: Module) -> None:
    wrong = [
        module.where(call)
        for call in calls(module)
        if ast.unparse(call.func).rsplit(".", 1)[-1]
        in ("relationship", "backref", "deferred", "association_proxy")
    ]
    assert wrong == []


@over([one for one in EVERY if one.source.strip()], ids)
def test_a_file_opens_with_what_is_here(module: Module) -> None:
    said = ast.get_docstring(module.tree)
    assert said, f"{module.path} has no docstring"
    first = said.split("\n")[0]
    assert first.rstrip().endswith((".", "?", "!", ":")) or "\n" in said, "a sentence"
    assert len(first) <= 120


@over(EVERY, ids)
def test_public_functions_of_the_engine_and_of_services_are_documented(module: Module) -> None:
    """One line is enough; a name that says all of it (a predicate, a view, a dunder) needs none."""
    if module.parts[0] == "portal" and not module.parts[-1].endswith(
        ("service", "queries", "db", "access", "outbox")
    ):
        return
    undocumented = [
        f"{module.where(node)} {node.name}"
        for node in module.tree.body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef))
        and not node.name.startswith("_")
        and ast.get_docstring(node) is None
        and len(node.body) > 3
        and not any("Enum" in ast.unparse(base) for base in getattr(node, "bases", ()))
    ]
    assert undocumented == []


@over([*EVERY, *TESTS], ids)
def test_a_file_is_short_or_says_why_not(module: Module) -> None:
    length = module.source.count("\n")
    longest = LONGEST_TEST if module.parts[0] == "tests" else LONGEST_FILE
    assert length <= longest or module.name in LONG, f"{length} lines: split it by task"


def test_every_long_file_is_still_long() -> None:
    lengths = {one.name: one.source.count("\n") for one in (*EVERY, *TESTS)}
    assert {name for name in LONG if lengths.get(name, 0) <= LONGEST_FILE} == set()


@over(EVERY, ids)
def test_a_silenced_warning_has_a_code_and_a_reason(module: Module) -> None:
    wrong = [
        f"{module.path.relative_to(ROOT)}:{number} {line.strip()}"
        for number, line in enumerate(module.source.splitlines(), 1)
        if re.search(r"#\s*(type:\s*ignore|noqa|pragma: no cover|fmt: off|pylint)", line)
        and not re.search(
            r"#\s*(type:\s*ignore\[[\w,\- ]+\]|noqa: [A-Z0-9, ]+|pragma: no cover)\s+(#|-)\s*\w", line
        )
    ]
    assert wrong == []


REGISTRIES = re.compile(
    r"https?://[^\s\"'<>)]*(pypi\.org|pythonhosted\.org|npmjs|registry\.|artifactory|nexus|/simple\b|goproxy|proxy\.golang|"
    r"crates\.io|jsdelivr|unpkg|cdnjs)|--(extra-)?index-url|--find-links",
    re.I,
)


def test_committed_files_name_no_registry() -> None:
    wrong = []
    for path in committed():
        if (
            path.suffix in (".woff2", ".png", ".ico", ".jpg", ".zip")
            or path == ROOT / "tests/guards/test_source.py"
        ):
            continue
        for number, line in enumerate(path.read_text("utf-8", errors="replace").splitlines(), 1):
            if REGISTRIES.search(line):
                wrong.append(f"{path.relative_to(ROOT)}:{number} {line.strip()[:120]}")
    assert wrong == []


def test_the_top_level_holds_what_the_design_names() -> None:
    allowed = {
        "portal",
        "questionnaires",
        "migrations",
        "tests",
        "wsgi.py",
        "pyproject.toml",
        "README.md",
        "Makefile",
        "requirements.txt",
        "requirements-dev.txt",
        "LICENSE",
        "CHANGELOG.md",
        "Dockerfile",
        "compose.yaml",
    }
    found = {path.relative_to(ROOT).parts[0] for path in committed()}
    assert {name for name in found if not name.startswith(".")} <= allowed


def test_no_secret_and_no_database_is_committed() -> None:
    bad = re.compile(
        r"(\.sqlite|\.db|\.pem|\.key|accounts\.json|demo-secret-key|portal\.toml|\.eml)(-wal|-shm)?$"
    )
    assert [str(path) for path in committed() if bad.search(path.name)] == []


@over([*EVERY, *TESTS], ids)
def test_words_of_the_house(module: Module) -> None:
    """design.md, section 1: one word for a thing. These synonyms would name what has a name already."""
    banned = {
        "supplier_id",
        "buyer_id",
        "survey",
        "questionaire",
        "user_id",
        "org_id",
        "client_id",
    }
    used = {node.id for node in ast.walk(module.tree) if isinstance(node, ast.Name)}
    used |= {node.attr for node in ast.walk(module.tree) if isinstance(node, ast.Attribute)}
    used |= {node.arg for node in ast.walk(module.tree) if isinstance(node, ast.arg)}
    assert used & banned == set()
