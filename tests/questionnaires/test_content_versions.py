"""What security_core 2.0.0 changes: every fate and every edit, and what a vendor of 1.0.0 is offered of its answers."""

from __future__ import annotations

import dataclasses

import pytest

from questionnaires import catalog
from questionnaires.answers import AnswersFile, parse_answers
from questionnaires.carry_forward import carry
from questionnaires.changes import EDITS, FATES, diff
from questionnaires.checking import check
from questionnaires.results import display
from questionnaires.scoring import score
from questionnaires.version_numbers import suggest_version
from questionnaires.visibility import look

OLD, NEW = catalog.get("security_core@1.0.0"), catalog.get("security_core@2.0.0")
CHANGES = diff(OLD, NEW)
# Fate and edits of whatever is not the same.
TOLD = {
    "access.unique_ids": ("kept", ("text",)),
    "resilience.backup_isolation": ("kept", ("scoring",)),
    "governance.assurance": ("kept", ("scoring",)),
    "network.remote_access": ("kept", ("options",)),
    "resilience.key_people": ("kept", ("conditions",)),
    "access.mfa_staff": ("kept", ("evidence",)),
    "incident.lessons": ("kept", ("refs",)),
    "crypto.devices": ("kept", ("place",)),
    "dev.dependencies": ("renamed", ()),
    "incident.notice_hours": ("changed", ()),
    "ai.agents": ("added", ()),
    "crypto.post_quantum": ("added", ()),
    "incident.triage": ("added", ()),
    "vuln.pentest_date": ("retired", ()),
}


def test_the_changelog_s_list_is_the_whole_difference() -> None:
    found = {
        one.key: (one.fate, one.edits) for one in CHANGES.questions if (one.fate, one.edits) != ("kept", ())
    }
    assert found == TOLD
    assert CHANGES.by_key["dev.dependencies"].was == "dev.components"


def test_every_fate_and_every_edit_occurs() -> None:
    assert {fate for fate, _ in TOLD.values()} == set(FATES)
    assert {edit for _, edits in TOLD.values() for edit in edits} == set(EDITS)


def test_its_number_is_the_one_that_the_difference_asks_for() -> None:
    assert suggest_version(CHANGES).version == NEW.version


def test_check_finds_nothing_against_the_version_before() -> None:
    others = [catalog.get(label) for label in catalog.shipped() if label != NEW.label]
    assert [str(fault) for fault in check(NEW, previous=OLD, shipped=others)] == []


def test_moving_a_question_moves_weight_between_its_sections() -> None:
    weights = {one.key: (one.old.weight, one.new.weight) for one in CHANGES.sections if one.old and one.new}
    assert weights == {"data": (9, 10), "crypto": (7, 6)}


def sample(name: str) -> AnswersFile:
    return parse_answers(OLD, catalog.sample(name))


@pytest.mark.parametrize(
    ("name", "low", "high", "band", "knockouts"),
    [
        ("fennmark_archive", "93.7", "93.7", "strong", 0),
        # Any device in the network, an AI that closes tickets, three days from the first suspicion: still sound.
        ("norrsund_pay", "70.5", "70.7", "sound", 0),
        ("brae_language", "28.7", "28.7", "weak", 9),
    ],
)
def test_each_sample_vendor_answers_the_new_version(
    name: str, low: str, high: str, band: str, knockouts: int
) -> None:
    file = parse_answers(NEW, catalog.sample(name, NEW.version))
    assert set(file.answers) == set(look(NEW, file.answers, file.facts, file.as_of).visible)
    result = score(NEW, file.answers, file.facts, file.as_of)
    assert result.score is not None
    assert result.high is not None
    assert (display(result.score), display(result.high), result.band) == (low, high, band)
    assert [one.kind for one in result.knockouts] == ["failed"] * knockouts


@pytest.mark.parametrize("name", sorted(catalog.samples()))
def test_a_sample_answers_both_versions_alike(name: str) -> None:
    """What is offered and has not changed is what the vendor says; notes too."""
    old, new = sample(name), parse_answers(NEW, catalog.sample(name, NEW.version))
    for key, offer in carry(OLD, NEW, old.answers, as_of=old.as_of).items():
        if offer.how == "section" and key in new.answers:
            assert (new.answers[key].value, new.answers[key].note) == (offer.value, offer.note), key
    with pytest.raises(catalog.UnknownQuestionnaire):
        catalog.sample(name, "9.9.9")


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        # Fennmark's people come in through a gateway that checks devices: that line stands.
        ("fennmark_archive", {"incident.notice_hours"}),
        ("norrsund_pay", {"incident.notice_hours", "network.remote_access"}),
        ("brae_language", {"incident.notice_hours"}),
    ],
)
def test_each_sample_vendor_keeps_what_still_answers(name: str, refused: set[str]) -> None:
    file = sample(name)
    offers = carry(OLD, NEW, file.answers, as_of=file.as_of)
    had = {key for key, one in offers.items() if one.old_answer is not None}
    assert {key for key in had if offers[key].how == "refused"} == refused
    assert {key for key in had if offers[key].how == "single"} == {
        "access.unique_ids",
        *({"network.remote_access"} & had - refused),
    }
    assert set(file.answers) - had <= {"dev.components", "vuln.pentest_date"}
    for key in ("ai.agents", "crypto.post_quantum", "incident.triage"):
        assert offers[key].answer is None
    if "dev.components" in file.answers:
        assert offers["dev.dependencies"].old_key == "dev.components"
        assert offers["dev.dependencies"].how == "section"


@pytest.mark.parametrize("name", sorted(catalog.samples()))
def test_once_the_offers_are_confirmed_only_what_is_asked_afresh_is_open(name: str) -> None:
    file = sample(name)
    offers = carry(OLD, NEW, file.answers, as_of=file.as_of)
    confirmed = {
        key: dataclasses.replace(file.answers[one.old_key], evidence=one.evidence)
        for key, one in offers.items()
        if one.is_offered and one.old_key is not None
    }
    before = {one.key for one in score(OLD, file.answers, file.facts, file.as_of).trace if one.open}
    after = {one.key for one in score(NEW, confirmed, file.facts, file.as_of).trace if one.open}
    afresh = {key for key, one in offers.items() if not one.is_offered}
    assert after - before <= afresh
    assert after - before >= {"incident.notice_hours", "incident.triage", "crypto.post_quantum"}


def test_a_copy_that_administrators_can_delete_costs_the_band() -> None:
    """Rescored: the same answers, sound under 1.0.0, are held at partial."""
    file = sample("norrsund_pay")
    key = "resilience.backup_isolation"
    answers = {**file.answers, key: dataclasses.replace(file.answers[key], value="same")}
    offered = {
        one.key: answers[one.old_key]
        for one in CHANGES.questions
        if one.fate in ("kept", "renamed") and one.old_key in answers and "options" not in one.edits
    }
    failed = [
        one.key for one in score(NEW, offered, file.facts, file.as_of).knockouts if one.kind == "failed"
    ]
    assert failed == [key]
    assert score(OLD, answers, file.facts, file.as_of).knockouts == ()
