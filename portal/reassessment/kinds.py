"""The kinds of subject that a date belongs to: one table of who is told when, as it ships, and in which group of
letters. Pure. What is due of each kind is read by agenda.py; who a role is stands in people.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from flask_babel import lazy_gettext as _l

from portal.reassessment.ladder import Ladder, Step, named, named_hour

# Roles at the vendor: who was named as contact, the company's owners, who uploaded the document, whose finding it is.
CONTACT, OWNERS, UPLOADER, ASSIGNEE = "contact", "owners", "uploader", "assignee"
# Roles at the organisation: who issued it; who looks after vendors and may issue (administrators, CISOs, and who issued
# the last one); the engagement's business owner; CISOs; who reviews it, else all reviewers; procurement; whom the
# policy lets decide; who took the decision; the two of an exception; who made the campaign.
ISSUER, ISSUERS, BUSINESS_OWNER, CISO = "issuer", "issuers", "business_owner", "ciso"
REVIEWERS, PROCUREMENT, DECIDERS, DECIDED = "reviewers", "procurement", "deciders", "decided"
COMPANY_ROLES = (CONTACT, OWNERS, UPLOADER, ASSIGNEE)
ROLES = (
    *COMPANY_ROLES,
    *(ISSUER, ISSUERS, BUSINESS_OWNER, CISO, REVIEWERS, PROCUREMENT, DECIDERS, DECIDED),
)
# Whom a step goes to when nobody has any of its roles: the first of these that somebody has.
NEXT_ROLES = (ISSUER, ISSUERS, CISO)
# Groups of letters that a person may turn off, and the one that nobody can.
COMING, COPIES, EVIDENCE, CAMPAIGNS, ALWAYS = "coming", "overdue_copies", "evidence", "campaigns", ""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of subject. ``words``: what the thing is called. ``ladder``: as it ships. ``vendor_side``: whether people
    of the company are told, and see it. ``acts``: the roles of the organisation that have to act on it, beside those
    of the company, of whom it is always asked; the others only hear of it. ``group``: of its letters. ``forgets``: so
    many days after its date nobody needs to be told any more, None = never. ``falls_back``: a step that reaches nobody
    goes to NEXT_ROLES; not where its words are true of one person alone.
    """

    name: str
    words: str
    ladder: Ladder
    vendor_side: bool = False
    acts: tuple[str, ...] = ()
    group: str = COMING
    forgets: int | None = None
    falls_back: bool = True

    def asks(self, role: str) -> bool:
        """Whether who is told through this role has to act on it."""
        return role in COMPANY_ROLES or role in self.acts


def _ladder(
    *lines: tuple[tuple[int, ...], tuple[str, ...]], mandatory: bool = False, alone: bool = False
) -> Ladder:
    """Steps by days. On the day and after it a letter goes alone. ``mandatory``: nobody may turn any of them off; what
    else nobody may says choices.group_of.
    """
    found = [
        Step(named(day), day, to=to, alone=alone or day >= 0, mandatory=mandatory)
        for days, to in lines
        for day in days
    ]
    return tuple(sorted(found, key=lambda one: one.days or 0))


def by_hours(*lines: tuple[tuple[int, ...], tuple[str, ...]]) -> Ladder:
    """Steps by hours, as campaigns have them: each alone."""
    found = [
        Step(named_hour(hour), None, hours=hour, to=to, alone=True) for hours, to in lines for hour in hours
    ]
    return tuple(sorted(found, key=lambda one: one.hours or 0))


BY_DAYS = _ladder(((-3, -1, 0), (CONTACT, OWNERS)), ((1, 3), (CONTACT, OWNERS, ISSUER)), alone=True)
_KINDS = (
    Kind(
        "assessment",
        _l("answers"),
        _ladder(
            ((-90, -60, -30, -14, -7, -1, 0), (CONTACT, OWNERS)),
            ((1,), (CONTACT, OWNERS)),
            ((7,), (OWNERS, ISSUER)),
            ((14,), (OWNERS, ISSUER, BUSINESS_OWNER)),
            ((30,), (OWNERS, BUSINESS_OWNER, CISO)),
        ),
        vendor_side=True,
    ),
    Kind(
        "reassessment",
        _l("next assessment"),
        _ladder(
            ((-90, -60, -30), (ISSUERS,)),
            ((-14, -7, -1, 0), (ISSUERS, BUSINESS_OWNER)),
            ((1, 7, 14, 30), (ISSUERS, BUSINESS_OWNER, CISO)),
        ),
        acts=(ISSUERS,),
    ),
    Kind(
        "review",
        _l("review"),
        _ladder(((-7, -1, 0, 1), (REVIEWERS,)), ((7, 14), (REVIEWERS, CISO))),
        acts=(REVIEWERS,),
    ),
    Kind(
        "decision",
        _l("decision of the gate"),
        _ladder(((-60, -30, -14, -7, -1, 0, 1), (DECIDERS, BUSINESS_OWNER))),
        acts=(DECIDERS,),
    ),
    Kind(
        "campaign",
        _l("answers to a campaign"),
        BY_DAYS,
        vendor_side=True,
        group=CAMPAIGNS,
    ),
    Kind(
        "evidence",
        _l("end of a document"),
        _ladder(
            ((-60, -30, -14, -7, -1, 0), (OWNERS, UPLOADER)),
            ((7,), (OWNERS, UPLOADER, REVIEWERS)),
            ((30,), (OWNERS, REVIEWERS, CISO)),
        ),
        vendor_side=True,
        group=EVIDENCE,
    ),
    Kind(
        "incident",
        _l("incident"),
        _ladder(((0, 1, 7), (REVIEWERS, CISO)), mandatory=True),
        group=ALWAYS,
    ),
    Kind(
        "trigger",
        _l("reason for a look"),
        _ladder(((-13, 0, 14), (ISSUERS,)), ((30,), (ISSUERS, CISO))),
        acts=(ISSUERS,),
    ),
    Kind(
        "condition",
        _l("condition of a decision"),
        _ladder(((-30, -7, -1, 0, 1), (DECIDED, PROCUREMENT)), ((7,), (DECIDED, PROCUREMENT, CISO))),
        acts=(DECIDED, PROCUREMENT),
    ),
    Kind("exception", _l("exception"), _ladder(((-60, -30, -7, 0), (DECIDED, CISO))), acts=(DECIDED, CISO)),
    Kind(
        "finding",
        _l("remediation"),
        _ladder(
            ((-14, -7, -1, 0), (ASSIGNEE,)),
            ((1,), (ASSIGNEE, OWNERS)),
            ((7, 14), (ASSIGNEE, OWNERS, REVIEWERS)),
            ((30,), (ASSIGNEE, OWNERS, REVIEWERS, CISO)),
        ),
        vendor_side=True,
    ),
    Kind(
        "stuck",
        _l("next assessment that could not be opened"),
        _ladder(((0,), (ISSUERS,)), ((7, 14, 30), (ISSUERS, CISO)), mandatory=True),
        group=ALWAYS,
    ),
    Kind(
        "first",
        _l("first assessment"),
        _ladder(((-7, 0, 7), (ISSUERS, BUSINESS_OWNER)), ((14, 30), (ISSUERS, BUSINESS_OWNER, CISO))),
        acts=(ISSUERS,),
    ),
    Kind(
        "handed",
        _l("engagement that is yours now"),
        _ladder(((0,), (BUSINESS_OWNER,))),
        acts=(BUSINESS_OWNER,),
        forgets=40,
        falls_back=False,
    ),
)
# Ladders that are chosen for each subject, by the name that stands in the place of its tier.
OWN: Mapping[str, Mapping[str, Ladder]] = MappingProxyType(
    {
        "campaign": MappingProxyType(
            {
                "hours": by_hours(((-24, -4, 0), (CONTACT, OWNERS)), ((4, 24), (CONTACT, OWNERS, ISSUER))),
                "days": BY_DAYS,
                "none": (),
            }
        )
    }
)
KINDS: Mapping[str, Kind] = MappingProxyType({one.name: one for one in _KINDS})
# The steps of before this table: they have spoken for as long as their subjects have been there.
ALWAYS_THERE = {"assessment": (-30, -7, 0, 7), "reassessment": (-30, -7, 0, 7)}
