"""What webhooks may hear of: public names, the kinds of events behind them, and which of their codes are sent."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from portal.audit.catalogue import NOTIFIED, Kind

PING = "ping"
NAMES: Mapping[str, tuple[Kind, ...]] = MappingProxyType(
    {
        "gate.decided": (Kind.GATE_DECIDED,),
        "gate.changed": (Kind.STANDING_CHANGED,),
        "exception.settled": (Kind.EXCEPTION_SETTLED,),
        "assessment.issued": (Kind.ASSESSMENT_ISSUED,),
        "assessment.submitted": (Kind.SUBMITTED,),
        "assessment.declined": (Kind.ASSESSMENT_DECLINED,),
        "assessment.cancelled": (Kind.ASSESSMENT_CANCELLED,),
        "rating.written": (Kind.RATED,),
        "finding.opened": (Kind.FINDING_OPENED,),
        "finding.closed": (Kind.FINDING_CLOSED,),
        "requirement.stepped": (Kind.CONTRACT_STEPPED,),
        "engagement.created": (Kind.ENGAGEMENT_CREATED,),
        "engagement.changed": (Kind.ENGAGEMENT_CHANGED,),
        "vendor.created": (Kind.VENDOR_CREATED,),
        "vendor.linked": (Kind.VENDOR_LINKED,),
        "vendor.offboarded": (Kind.VENDOR_OFFBOARDED,),
    }
)
NAME_OF: Mapping[str, str] = MappingProxyType(
    {kind.value: name for name, kinds in NAMES.items() for kind in kinds}
)
# Of an event's data only these are sent, and of them only ids, numbers and short codes. No slug: an organisation's own
# questionnaire may bear the name of whom it is for.
FIELDS = frozenset(
    {
        "assessment",
        "band",
        "engagement",
        "from",
        "how",
        "outcome",
        "proposed",
        "rating",
        "requirement",
        "round",
        "sequence",
        "severity",
        "state",
        "submission",
        "tier",
        "to",
        "until",
        "vendor",
        "why",
    }
)
# Tables of subjects -> what the API calls them.
RESOURCES: Mapping[str, str] = MappingProxyType(
    {
        "vendor": "vendors",
        "engagement": "engagements",
        "assessment": "assessments",
        "submission": "submissions",
        "rating": "ratings",
        "finding": "findings",
        "gate_decision": "decisions",
    }
)

assert frozenset(kind for kinds in NAMES.values() for kind in kinds) == NOTIFIED
