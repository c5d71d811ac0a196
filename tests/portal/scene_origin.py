"""What the scene holds of another customer: answers that may be carried to where their origin is nobody's business.

Kzcedar answers the same questions for both organisations, and an owner agreed that what was told to Kzbirch is offered
where Kzalder asks (scene_carried.py).
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

from portal.access import CompanyRole, OrganisationRole
from portal.assessments.drafts import Content
from portal.db import Database
from questionnaires.definition import Question

if TYPE_CHECKING:
    from tests.portal.scene import Deal, Scene


def tell_another(database: Database, scene: Scene, deal: Deal) -> uuid.UUID:
    """The company of ``deal`` submits what is shipped to its organisation, as another vendor than that of the deal.

    A note of every answer, and the ids of what was submitted, are canaries: of these two alone. Returns the submission.
    """
    from tests.portal import scene as steps  # it imports this module

    buyer, owner = deal.organisation[OrganisationRole.ADMIN], deal.company[CompanyRole.OWNER]
    ours, both = (deal.organisation,), (deal.organisation, deal.company)
    named = {"name": scene.canary("vendorelse", *ours), "engagement": scene.canary("bought", *both)}
    vendor, engagement, _contact = steps.make_vendor(database, buyer, deal.company, **named)
    told = steps.issue(database, buyer, vendor, engagement, steps.security_lite().content_hash)
    note = scene.canary("origin", *both)

    def noted(question: Question) -> Content:
        return replace(steps.plain(question), note=note)

    steps.fill(database, owner, told, noted)
    submission = steps.seal(database, owner, told)
    for one in (told, submission):
        scene.canaries[str(one)] = frozenset(place.name for place in both)
    return submission
