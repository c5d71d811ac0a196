"""Schemathesis over every operation as each role: no defect, nothing undocumented, no false shape.

Half of the requests that name something name what is there, else all that is ever seen are refusals; and each operation
that a role is granted has answered that role with what it is for at least once.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode

from portal import pace
from portal.access import SCOPES, TABLE, Permission
from portal.access import OrganisationRole as Role
from portal.api import pace as writes
from portal.web import Portal
from tests.conftest import FULL
from tests.portal.api.asking import Program, everything, program
from tests.portal.scene import Scene

EXAMPLES = {Role.CISO: 10, Role.BUSINESS_OWNER: 5}
FEW, MANY = 3, 100  # of other roles; in a soak
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)


@dataclass
class World:
    """The API as one role sees it: its description, what there is by path parameter, what each operation answered."""

    program: Program
    operations: list[Any]
    known: dict[str, list[str]]
    answered: dict[str, Counter[int]] = field(default_factory=dict)


@pytest.fixture(autouse=True)
def at_any_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "BURST", 1e9)
    monkeypatch.setattr(writes, "WRITES", 10**6)


def _world(app: Portal, scene: Scene, role: Role) -> World:
    asking = program(app, scene.places["Kzalder"][role])
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)
    known = {
        name: [one["id"] for one in everything(asking, f"/{name}s", 50)]
        for name in ("vendor", "engagement", "assessment", "finding")
    }
    known["submission"] = [
        one["id"]
        for assessment in known["assessment"]
        for one in _data(asking.get(f"/assessments/{assessment}/submissions"))
    ]
    known["rating"] = [
        one["id"] for each in known["submission"] for one in _data(asking.get(f"/submissions/{each}/ratings"))
    ]
    known["decision"] = [
        one["id"]
        for each in known["engagement"]
        for one in _data(asking.get(f"/engagements/{each}/decisions"))
    ]
    assert all(known.values()), known
    return World(asking, [one.ok() for one in schema.get_all_operations()], known)


def _data(answer: Any) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json["data"]


@pytest.mark.parametrize("role", list(Role), ids=lambda one: one.value)
def test_every_operation_answers_as_it_is_documented(app: Portal, scene: Scene, role: Role) -> None:
    world = _world(app, scene, role)
    for operation in world.operations:
        _fuzz(world, operation, MANY if FULL else EXAMPLES.get(role, FEW))
        _sound(world, operation, scene)
    granted = {one.label for one in world.operations if _granted(app, one, role)}
    reached = {label for label, found in world.answered.items() if {200, 201} & set(found)}
    assert granted - reached == set()
    assert reached - granted == set()


def _fuzz(world: World, operation: Any, examples: int) -> None:
    """What schemathesis makes of the description, sound and unsound, with what there is in half of the paths."""
    found = world.answered.setdefault(operation.label, Counter())
    strategy = st.one_of(*(operation.as_strategy(generation_mode=one) for one in MODES))

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy, place=st.none() | st.integers(0, 1000))
    def ask(case: Any, place: int | None) -> None:
        for name in case.path_parameters or {}:
            if place is not None:
                case.path_parameters[name] = world.known[name][place % len(world.known[name])]
        found[_checked(world, case).status_code] += 1

    ask()


def _checked(world: World, case: Any) -> Any:
    """Send a case; all of schemathesis' checks hold but those that take what conflicts for a fault of the API."""
    from schemathesis.specs.openapi import checks

    try:
        return case.call_and_validate(
            headers={"Authorization": f"Bearer {world.program.token}"},
            excluded_checks=[
                checks.positive_data_acceptance,  # a sound body may still conflict with what there is
                checks.negative_data_rejection if _replaced(case) else checks.use_after_free,
                checks.use_after_free,
                checks.ensure_resource_availability,
                checks.ignored_auth,  # test_walk asks each operation without a token
            ],
        )
    except FailureGroup as group:
        raise AssertionError("\n".join(f"{one.title}: {one.message}" for one in group.exceptions)) from group


def _replaced(case: Any) -> bool:
    """Whether an unsound id was replaced by one that there is, so that the case is sound again."""
    try:
        return all(uuid.UUID(str(one)) for one in (case.path_parameters or {"": "x"}).values())
    except ValueError:
        return False


def _granted(app: Portal, operation: Any, role: Role) -> bool:
    permission = _permission(app, operation)
    held = {one for scope in SCOPES.values() for one in scope if all(role in (TABLE[p] or ()) for p in scope)}
    return role in (TABLE[permission] or ()) and permission in held


def _permission(app: Portal, operation: Any) -> Permission:
    view: Any = next(
        app.view_functions[rule.endpoint]
        for rule in app.url_map.iter_rules()
        if rule.rule.replace("<uuid:", "{").replace(">", "}") == operation.full_path
        and operation.method.upper() in (rule.methods or ())
    )
    found: Permission = view.permission
    return found


# --------------------------------------------------------------------------------------------- what each is for


def _sound(world: World, operation: Any, scene: Scene) -> None:
    """One request that is right in all it says, since chance rarely makes one."""
    bodies: dict[str, Callable[[], Any]] = {
        "POST /api/v1/vendors": lambda: {"name": f"Vendor {uuid.uuid4()}", "country": "PT"},
        "POST /api/v1/engagements": lambda: {
            "vendor": world.known["vendor"][0],
            "name": f"Engagement {uuid.uuid4()}",
            "tier": "low",
            "facts": {"engagement.ai": "no"},
        },
        "POST /api/v1/assessments": lambda: {
            "vendor": str(scene.deals[0].vendor),
            "engagements": [str(scene.deals[0].engagement)],
            "questionnaire": "privacy_processor",
            "due": "2026-12-18",
            "reason": "We ask each year.",
        },
        "PATCH /api/v1/vendors/{vendor}": lambda: {"country": "NO"},
    }
    path = {name: world.known[name][0] for name in world.known if f"{{{name}}}" in operation.full_path}
    headers: dict[str, str] = {}
    if operation.method.upper() == "PATCH":
        headers["If-Match"] = world.program.get(f"/vendors/{path['vendor']}").headers["ETag"]
    body = (
        {"body": bodies[operation.label](), "media_type": "application/json"}
        if operation.label in bodies
        else {}
    )
    case = operation.Case(path_parameters=path, headers=headers, **body)
    world.answered[operation.label][_checked(world, case).status_code] += 1
