"""Forms of an organisation's sign-in: its address, and what the provider is and may say."""

from __future__ import annotations

from wtforms import BooleanField, PasswordField, SelectField, TextAreaField
from wtforms.validators import Length

from portal.forms import Form, NoControls, clean, line


class WhichOrganisation(Form):
    client = line(
        "Your organisation",
        required="Write the last part of your organisation's address.",
        longest=60,
        description="As it stands in the address of its pages after /o/, such as halden-mutual-3f9a1c.",
    )


class ProviderSetting(Form):
    issuer = line(
        "Issuer",
        required="Write the issuer's address.",
        longest=300,
        description="As the provider calls itself: https://login.example.com/tenant. Its metadata are read from there.",
    )
    known_as = line("Client id", required="Write the client id that the provider gave you.", longest=200)
    secret = PasswordField(
        "Client secret",
        [Length(max=500, message="Write at most 500 characters."), NoControls()],
        description="Kept encrypted and never shown. Empty: as it is now, or a client without one.",
    )
    groups_claim = line(
        "Claim that names the groups", required="Write the name of the claim, such as groups.", longest=60
    )
    roles = TextAreaField(
        "Groups and roles",
        [Length(max=12_000, message="Write at most 12,000 characters."), NoControls(lines=True)],
        filters=[clean],
        description="One line each: group = role. Roles: ciso, reviewer, procurement, business_owner, auditor. Nobody "
        "becomes an administrator by a provider.",
    )
    default_role = SelectField(
        "Role of who is in none of these groups",
        choices={
            "": "None: they are not let in",
            "reviewer": "Reviewer",
            "procurement": "Procurement",
            "business_owner": "Business owner",
            "auditor": "Auditor",
        },
    )
    creates = BooleanField(
        "Whoever has a role by this and no account here gets one, in the domains named above"
    )
    required = BooleanField(
        "Everybody comes in by this provider alone, but for administrators with a second factor of their own"
    )
    trusts_factor = BooleanField("A second factor that the provider reports counts as one here")
