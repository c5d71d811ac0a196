"""Guards over templates and static files: strict CSP, escaping, texts, colours and icons (laws 10 and 11)."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from jinja2 import Environment, FileSystemLoader, nodes

from tests.guards.code import over

PORTAL = Path(__file__).resolve().parents[2] / "portal"
TEMPLATES = PORTAL / "templates"
STATIC = PORTAL / "static"

ENVIRONMENT = Environment(
    loader=FileSystemLoader(TEMPLATES),
    autoescape=True,
    extensions=["jinja2.ext.i18n"],
    trim_blocks=True,
    lstrip_blocks=True,
)
KINDS = (".html", ".txt", ".svg", ".xml")
TEMPLATE_FILES = sorted(path for path in TEMPLATES.rglob("*") if path.suffix in KINDS)
PAGES = [path for path in TEMPLATE_FILES if path.suffix != ".txt"] + sorted(STATIC.rglob("*.html"))
SPRITE = (TEMPLATES / "_icons.html").read_text(encoding="utf-8")
SYMBOLS = set(re.findall(r'<symbol id="i-([\w-]+)"', SPRITE))

FORBIDDEN = {
    "inline script": r"<script(?![^>]*\ssrc=)",
    "inline style": r"<style\b",
    "style attribute": r"<[a-z][^>]*\sstyle\s*=",
    "event handler": r"<[a-z][^>]*\son[a-z]+\s*=",
    "script address": r"javascript:",
    "foreign address": r"""(?:src|href|action)\s*=\s*["']?(?:https?:)?//""",
    "unescaped output": r"\|\s*safe\b|autoescape\s+false|Markup\(",
    "meta refresh": r"http-equiv",
}


def name_of(path: Path) -> str:
    return str(path.relative_to(PORTAL))


def without_comments(source: str) -> str:
    return re.sub(r"\{#.*?#\}", "", source, flags=re.S)


@cache
def parsed(path: Path) -> nodes.Template:
    """Its tree, which nobody changes; most read the same few again for their macros."""
    return ENVIRONMENT.parse(path.read_text(encoding="utf-8"), name=str(path))


def read(path: Path) -> str:
    return without_comments(path.read_text(encoding="utf-8"))


def test_there_are_templates_to_look_at() -> None:
    assert len(TEMPLATE_FILES) >= 8
    assert len(SYMBOLS) >= 40


@over(PAGES, name_of)
def test_a_page_holds_under_the_strict_policy(path: Path) -> None:
    source = read(path)
    found = {
        what: hit.group(0) for what, pattern in FORBIDDEN.items() if (hit := re.search(pattern, source, re.I))
    }
    assert found == {}


@pytest.mark.parametrize(
    ("what", "bad"),
    [
        ("inline script", "<script>x</script>"),
        ("inline script", '<script type="module">x</script>'),
        ("inline style", "<style>a{}</style>"),
        ("style attribute", '<p class="a" style="color:red">'),
        ("event handler", '<button type="button" onclick="x()">'),
        ("script address", '<a href="javascript:x()">'),
        ("foreign address", '<img src="//cdn.example/x.png">'),
        ("unescaped output", "{{ text | safe }}"),
    ],
)
def test_the_guard_sees_what_it_guards_against(what: str, bad: str) -> None:
    assert re.search(FORBIDDEN[what], bad, re.I)


@over(TEMPLATE_FILES, name_of)
def test_a_template_parses_and_what_it_asks_for_exists(path: Path) -> None:
    tree = parsed(path)
    for kind in (nodes.Extends, nodes.Include, nodes.Import, nodes.FromImport):
        for node in tree.find_all(kind):
            source = getattr(node, "template", None)
            if isinstance(source, nodes.Const):
                assert (TEMPLATES / str(source.value)).is_file(), source.value


@over(TEMPLATE_FILES, name_of)
def test_imported_macros_exist(path: Path) -> None:
    tree = parsed(path)
    for node in tree.find_all(nodes.FromImport):
        assert isinstance(node.template, nodes.Const)
        source = parsed(TEMPLATES / str(node.template.value))
        offered = {macro.name for macro in source.find_all(nodes.Macro)}
        wanted = {name if isinstance(name, str) else name[0] for name in node.names}
        assert wanted <= offered


@over(TEMPLATE_FILES, name_of)
def test_only_literal_texts_are_translated(path: Path) -> None:
    """``_(variable)`` would let through a person's text unescaped and unseen by the translators."""
    tree = parsed(path)
    for call in tree.find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name in ("_", "gettext", "ngettext"):
            texts = call.args[:2] if call.node.name == "ngettext" else call.args[:1]
            assert [type(text) for text in texts] == [nodes.Const] * max(len(texts), 1), f"line {call.lineno}"


@over(TEMPLATE_FILES, name_of)
def test_icons_are_in_the_sprite(path: Path) -> None:
    tree = parsed(path)
    used = set(re.findall(r'href="#i-([\w-]+)"', read(path)))
    for call in tree.find_all(nodes.Call):
        if not isinstance(call.node, nodes.Name):
            continue
        at = {"icon": 0, "chip": 1, "button": 2, "link_button": 3}.get(call.node.name)
        given = [call.args[at]] if at is not None and at < len(call.args) else []
        given += [pair.value for pair in call.kwargs if pair.key == "icon_name"]
        for argument in given:
            used |= set(icon_names(argument))
    assert used <= SYMBOLS


def icon_names(argument: nodes.Expr) -> list[str]:
    """The names that an icon argument can take, where written out; computed ones show in a browser."""
    if isinstance(argument, nodes.Const):
        return [argument.value] if isinstance(argument.value, str) and argument.value else []
    if isinstance(argument, nodes.CondExpr):
        return icon_names(argument.expr1) + (icon_names(argument.expr2) if argument.expr2 else [])
    return []


# Their addresses hold all that they ask for (access.by_link): mail programs post there without having seen a form.
BY_LINK = frozenset({"letters/off.html"})


@over(PAGES, name_of)
def test_forms_that_change_something_carry_the_token(path: Path) -> None:
    if path.relative_to(TEMPLATES).as_posix() in BY_LINK:
        return
    for form in re.findall(r"<form\b[^>]*method=\"post\".*?</form>", read(path), re.S | re.I):
        assert "csrf()" in form


@over(PAGES, name_of)
def test_links_to_new_tabs_keep_their_opener_to_themselves(path: Path) -> None:
    for tag in re.findall(r"<a\b[^>]*target=\"_blank\"[^>]*>", read(path)):
        assert "noopener" in tag


def test_html_is_escaped_and_plain_text_is_not() -> None:
    from flask import Flask

    app = Flask("portal")
    assert app.select_jinja_autoescape("base.html") is True
    assert app.select_jinja_autoescape("mail/base.txt") is False


# ------------------------------------------------------------------------------------------- style and script

CSS = re.sub(r"/\*.*?\*/", "", (STATIC / "portal.css").read_text(encoding="utf-8"), flags=re.S)
COLOUR = re.compile(
    r"#[0-9a-f]{3,8}\b|\b(?:rgb|rgba|hsl|hsla|hwb|lab|lch|oklab|oklch|color)\(|:\s*(?:black|white|red|green|blue|gr[ae]y)\b",
    re.I,
)


def test_colours_live_in_the_tokens_alone() -> None:
    """A colour is written only as the value of a custom property; color-mix() of tokens is no new colour."""
    declarations = re.findall(r"[\w-]+\s*:[^;{}]+", CSS)
    assert [one for one in declarations if COLOUR.search(one) and not one.startswith("--")] == []


def test_every_token_used_is_defined() -> None:
    defined = set(re.findall(r"(--[\w-]+)\s*:", CSS))
    assert set(re.findall(r"var\((--[\w-]+)", CSS)) <= defined


def test_the_style_sheet_asks_nobody_else() -> None:
    addresses = re.findall(r"url\(\"?([^\")]+)\"?\)", CSS)
    assert addresses
    assert "@import" not in CSS
    for address in addresses:
        assert (STATIC / address).is_file(), address


def test_self_hosted_files_name_their_origin() -> None:
    for folder in (path for path in (STATIC / "vendor").iterdir() if path.is_dir()):
        assert {"LICENSE", "VERSION"} <= {path.name for path in folder.iterdir()}, folder.name


@over(sorted(STATIC.glob("*.js")), name_of)
def test_scripts_need_no_exception_from_the_policy(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    forbidden = r"\beval\(|new Function|\.innerHTML|\.outerHTML|insertAdjacentHTML|document\.write|\.style\b"
    assert not re.search(forbidden, source)


def test_texts_of_the_autosave_script_are_all_there() -> None:
    """The script takes every word that it says from the page, so that translations stay in one place."""
    script = (STATIC / "autosave.js").read_text(encoding="utf-8")
    page = (TEMPLATES / "_question.html").read_text(encoding="utf-8")
    asked = set(re.findall(r'\b(?:(?:say|words)\(|(?:state|failed)\(key, )"([\w-]+)"', script))
    offered = set(re.findall(r'data-text="([\w-]+)"', page))
    assert len(asked) > 8
    assert asked <= offered
