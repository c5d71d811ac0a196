"""How much may be changed by programs; how fast one may ask at all is portal.pace."""

from __future__ import annotations

from portal import web
from portal.accounts import throttles

WRITES = 300  # of a person in an organisation, by all of their tokens, in a quarter of an hour


def claim() -> None:
    """Count a request that changes something, whatever process and whichever of the person's tokens sends it; raises
    Throttled (429) when there are more than WRITES in a quarter of an hour.
    """
    now, identity = web.now(), web.identity()
    place = str(identity.scope.organisation_id)
    keys = {throttles.throttle_key("api", "person", str(identity.person.id), place): WRITES}
    web.portal().database.record_refusal(
        lambda session: throttles.claim_attempt(session, keys, now=now, advice="as Retry-After says.")
    )
