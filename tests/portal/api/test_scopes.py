"""Which operations each scope opens: a literal table, so that whoever opens one more has to say it here."""

from __future__ import annotations

import pytest

from portal import pace
from portal.access import SCOPES, by_token
from portal.access import OrganisationRole as Role
from portal.access import Permission as P
from portal.organisations import tokens
from portal.web import Portal
from tests.portal.api.asking import code_of, program
from tests.portal.api.test_walk import ids_of, operations, path_of, send
from tests.portal.scene import Scene
from tests.portal.world import signed_in

OPERATIONS: dict[str, tuple[str, ...]] = {
    "list_vendors": ("vendors:read", "vendors:write"),
    "get_vendor": ("vendors:read", "vendors:write"),
    "create_vendor": ("vendors:write",),
    "change_vendor": ("vendors:write",),
    "list_engagements": ("vendors:read", "vendors:write"),
    "get_engagement": ("vendors:read", "vendors:write"),
    "create_engagement": ("vendors:write",),
    "list_requirements": ("contract:read",),
    "get_gate": ("gate:read",),
    "list_decisions": ("gate:read",),
    "get_decision": ("gate:read",),
    "list_assessments": ("assessments:read", "assessments:issue"),
    "get_assessment": ("assessments:read", "assessments:issue"),
    "create_assessment": ("assessments:issue",),
    "list_submissions": ("assessments:read",),
    "get_submission": ("assessments:read",),
    "list_answers": ("assessments:read",),
    "list_ratings": ("assessments:read",),
    "get_rating": ("assessments:read",),
    "list_findings": ("findings:read",),
    "get_finding": ("findings:read",),
}


@pytest.fixture(autouse=True)
def at_any_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "BURST", 1e9)


def _name(app: Portal, endpoint: str) -> str:
    return app.view_functions[endpoint].__name__


def test_a_scope_opens_its_own_operations_and_nothing_else(app: Portal, scene: Scene) -> None:
    alder, own = scene.places["Kzalder"], ids_of(app, scene.deals[0])
    assert {_name(app, rule.endpoint) for _method, rule, _one in operations(app)} == set(OPERATIONS)
    for scope in SCOPES:
        asking = program(app, alder[Role.CISO], scope)
        for method, rule, _permission in operations(app):
            answer = send(asking, method, path_of(rule, own))
            wanted = OPERATIONS[_name(app, rule.endpoint)]
            if scope in wanted:
                assert answer.status_code in (200, 412, 422), (scope, rule.rule)
                continue
            assert (answer.status_code, code_of(answer)) == (403, "insufficient_scope"), (scope, rule.rule)
            assert answer.json is not None
            assert answer.json["detail"] == f"The token lacks the scope {' or '.join(wanted)}."


def test_a_role_that_lacks_it_is_said_before_the_scope(app: Portal, scene: Scene) -> None:
    """Another token would not help."""
    asking = program(app, scene.places["Kzalder"][Role.AUDITOR], "gate:read")
    answer = asking.post("/vendors", {"name": "Fjord"})
    assert (answer.status_code, code_of(answer)) == (403, "role")


def test_a_scope_holds_no_more_than_its_operations_ask(app: Portal) -> None:
    asked: dict[str, set[P]] = {scope: set() for scope in SCOPES}
    for _method, rule, permission in operations(app):
        for scope in OPERATIONS[_name(app, rule.endpoint)]:
            asked[scope].add(permission)
    assert asked == {scope: set(held) for scope, held in SCOPES.items()}


def test_an_operation_names_scopes_that_hold_it() -> None:
    with pytest.raises(LookupError):
        by_token(P.SEE_REVIEW, ("gate:read",))
    with pytest.raises(KeyError):
        by_token(P.SEE_REVIEW, ("everything",))


def test_the_form_says_of_each_scope_what_it_opens(app: Portal, scene: Scene) -> None:
    alder = scene.places["Kzalder"]
    page = signed_in(app, alder[Role.ADMIN]).get(f"/o/{alder.slug}/tokens").text
    assert set(tokens.SCOPE_WORDS) == set(SCOPES)
    for words in tokens.SCOPE_WORDS.values():
        assert words in page
