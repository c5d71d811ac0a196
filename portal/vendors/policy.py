"""An organisation's policy: what each tier demands, what may pass, and which residual risk is left. Pure, no SQL.

The content of a version is canonical JSON: numbers, codes, slugs and hashes, and no text that a person wrote. Read in
policy_parsing.py, compared in policy_loosening.py; what ships stands in policy_default.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from hashlib import sha256
from typing import Any

from portal.access import OrganisationRole
from portal.vendors.facts import TIERS
from questionnaires import catalog
from questionnaires.canonical import canonical_json
from questionnaires.facts import TABLE

# Of a band: 4 is the best of any questionnaire, 1 the worst (questionnaires.definition.Band).
LEVELS = (4, 3, 2, 1)
RISKS = ("low", "medium", "high", "critical")  # rising
REVIEWS = ("none", "critical", "all")  # rising: more is judged by a person
FINDINGS = ("none", "low", "medium", "high", "critical")  # rising: worse may stand open
MUSTS = ("flagged", "proposed", "agreed", "in_contract")  # rising: the contract is further on
DECIDERS = tuple(
    one.value for one in OrganisationRole if one is not OrganisationRole.AUDITOR
)  # an auditor changes nothing
REGIMES = tuple(TABLE["organisation.regimes"].labels)
PERSONAL = frozenset({"personal", "special", "health_us"})


@dataclass(frozen=True, slots=True)
class TierPolicy:
    """What one tier demands.

    ``questionnaires``: slugs demanded of every engagement; ``with_personal_data``: further ones, unless it is known
    that the engagement touches no personal data. ``evidence``: kinds of document (a narrower one will do), each valid
    for at least ``evidence_days`` more. ``months`` between assessments. ``clear_level``: the worst level of a band that
    passes; ``condition_level``: the worst that passes with conditions; below it is blocked. ``fix_days``: a failed
    knock-out passes with conditions when a dated remediation lies within so many days of its finding; 0 = never.
    ``review``: which answers a person must have judged. ``worst_finding``: the worst finding that may stand open
    without a plan.
    ``must``: how far every required clause has to be. ``approvals``: people per decision, ``roles``: who may decide.
    ``valid_months``: how long a decision holds at most.
    """

    questionnaires: tuple[str, ...]
    with_personal_data: tuple[str, ...]
    evidence: tuple[str, ...]
    evidence_days: int
    months: int
    clear_level: int
    condition_level: int
    fix_days: int
    review: str
    worst_finding: str
    must: str
    approvals: int
    roles: tuple[str, ...]
    valid_months: int

    @property
    def demanded(self) -> frozenset[str]:
        """Slugs that may be demanded, personal data or not."""
        return frozenset(self.questionnaires) | frozenset(self.with_personal_data)

    def demands(self, personal: bool | None) -> tuple[str, ...]:
        """The slugs demanded of an engagement that touches personal data, does not, or None: nobody knows."""
        more = () if personal is False else self.with_personal_data
        return tuple(sorted({*self.questionnaires, *more}))


@dataclass(frozen=True, slots=True)
class Policy:
    """One version. ``matrix``: residual risk by tier and level of the worst band. ``sequence`` 0 is the shipped one.

    ``regimes``: the laws and standards that bind the organisation. ``versions``: of each demanded questionnaire of the
    organisation's own, the content hashes of the versions that count: who releases an easier one makes nothing pass by
    that. Either None: this version does not say (what ships, and what was saved before policies held it); then the
    organisation's column says, and every version counts.
    """

    tiers: Mapping[str, TierPolicy]
    matrix: Mapping[tuple[str, int], str]
    intake_required: bool
    sequence: int = 0
    regimes: tuple[str, ...] | None = None
    versions: Mapping[str, tuple[str, ...]] | None = None

    def tier(self, name: str) -> TierPolicy:
        """The demands of a tier. Raises KeyError for a tier that does not exist."""
        return self.tiers[name]

    def residual(self, tier: str, level: int) -> str:
        """The risk that is left: ``low`` to ``critical``."""
        return self.matrix[tier, level]

    @property
    def demanded(self) -> frozenset[str]:
        """Slugs that may be demanded of an engagement of any tier."""
        return frozenset().union(*(one.demanded for one in self.tiers.values()))

    def counts(self, slug: str, content_hash: str) -> bool:
        """Whether a submission of this version meets the demand for ``slug``: of own questionnaires only named ones."""
        if self.versions is None or content_hash in self.versions.get(slug, ()):
            return True
        shipped = catalog.by_hash(content_hash)
        return shipped is not None and shipped.slug == slug

    def to_json(self) -> dict[str, Any]:
        """As ``policy_parsing.parse`` reads it; what the version does not say is left out."""
        said: dict[str, Any] = {}
        if self.regimes is not None:
            said["regimes"] = list(self.regimes)
        if self.versions is not None:
            said["versions"] = {slug: list(hashes) for slug, hashes in self.versions.items()}
        return said | {
            "intake_required": self.intake_required,
            "matrix": {tier: {str(level): self.matrix[tier, level] for level in LEVELS} for tier in TIERS},
            "tiers": {
                tier: {one.name: _plain(getattr(self.tiers[tier], one.name)) for one in fields(TierPolicy)}
                for tier in TIERS
            },
        }

    def to_bytes(self) -> bytes:
        """Canonical JSON, without the sequence: equal policies have equal bytes."""
        return canonical_json(self.to_json())

    @property
    def content_hash(self) -> str:
        return sha256(self.to_bytes()).hexdigest()


def touches_personal(facts: Mapping[str, Any]) -> bool | None:
    """Whether an engagement with these facts touches personal data; None while nobody knows what it touches."""
    data = facts.get("engagement.data")
    return None if data is None else bool(PERSONAL & set(data))


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
