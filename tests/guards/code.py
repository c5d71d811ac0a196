"""The code base as the guards read it: files, parsed modules, imports."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TypeVar

import pytest

ROOT = Path(__file__).resolve().parents[2]
T = TypeVar("T")
PACKAGES = ("questionnaires", "portal")


@dataclass(frozen=True)
class Module:
    """One Python file of ours, parsed."""

    name: str
    path: Path

    @cached_property
    def source(self) -> str:
        return self.path.read_text("utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.source, str(self.path))

    @cached_property
    def parts(self) -> tuple[str, ...]:
        return tuple(self.name.split("."))

    def where(self, node: ast.AST) -> str:
        return f"{self.path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"


@cache
def modules(*packages: str) -> tuple[Module, ...]:
    """Every module of ``packages`` (default: both of ours), by name."""
    found = []
    for package in packages or PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            found.append(Module(name, path))
    return tuple(found)


@cache
def names() -> frozenset[str]:
    return frozenset(one.name for one in modules())


def imports(module: Module) -> Iterator[tuple[str, ast.stmt]]:
    """Every module that ``module`` imports, wherever it does; ``from portal import web`` is ``portal.web``."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module.parts if module.path.name == "__init__.py" else module.parts[:-1]
                base = ".".join((*package[: len(package) - node.level + 1], *([base] if base else [])))
            for alias in node.names:
                deeper = f"{base}.{alias.name}"
                yield deeper if deeper in names() else base, node


@cache
def committed() -> tuple[Path, ...]:
    """Every file that is, or is about to be, in the repository; all files where git is not to be had."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
            text=True,
        ).stdout.split("\0")
        return tuple(path for name in listed if name and (path := ROOT / name).is_file())
    except (OSError, subprocess.CalledProcessError):
        left_out = {".git", ".venv", ".hypothesis", ".mypy_cache", ".ruff_cache", "data", "build"}
        return tuple(
            path
            for path in ROOT.rglob("*")
            if path.is_file() and not left_out & set(path.relative_to(ROOT).parts)
        )


def over(
    found: Iterable[T], name: Callable[[T], str] = str
) -> Callable[[Callable[[T], None]], Callable[[], None]]:
    """One test for a rule that each of ``found`` must keep; it names every one that does not.

    Thousands of tests of a line each would cost minutes of CI for nothing but their frames.
    """
    every = tuple(found)
    assert every, "a rule over nothing guards nothing"

    def decorate(rule: Callable[[T], None]) -> Callable[[], None]:
        def test() -> None:
            faults = []
            for one in every:
                try:
                    rule(one)
                except AssertionError as fault:
                    faults.append(f"{name(one)}: {fault}")
            if faults:
                pytest.fail(f"{len(faults)} of {len(every)}:\n" + "\n".join(faults), pytrace=False)

        test.__name__, test.__doc__, test.__module__ = rule.__name__, rule.__doc__, rule.__module__
        return test

    return decorate
