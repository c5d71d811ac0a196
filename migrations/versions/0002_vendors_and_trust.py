"""Second factors, evidence, delegation, enquiries, erasure.

Revision: 0002; follows 0001. Contributors were let into everything before: they keep that, as delegations.
"""

from __future__ import annotations

import secrets
import uuid
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

import portal.db
from portal.schema import seal

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    empty_list = "X'5b5d'" if op.get_bind().dialect.name == "sqlite" else "'\\x5b5d'::bytea"

    op.create_table(
        "certificate",
        sa.Column("organisation_id", sa.Uuid(), nullable=True),
        sa.Column("company_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("issued_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certificate")),
        info={"tenancy": "shared", "immutable": True, "unaudited": ""},
    )
    op.create_index("ix_certificate_company_id", "certificate", ["company_id"], unique=False)
    op.create_index("ix_certificate_organisation_id", "certificate", ["organisation_id"], unique=False)
    op.create_table(
        "doomed_file",
        sa.Column("storage_key", sa.String(length=64), nullable=False),
        sa.Column("doomed_at", portal.db.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("storage_key", name=op.f("pk_doomed_file")),
        info={"tenancy": "global", "immutable": False, "unaudited": "what doomed the file wrote an event"},
    )
    op.create_table(
        "address_change",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("expires_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("used_at", portal.db.UtcDateTime(), nullable=True),
        sa.Column("withdrawn_at", portal.db.UtcDateTime(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_address_change_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_address_change")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_address_change_token_hash")),
        info={"tenancy": "global", "immutable": False, "unaudited": ""},
    )
    op.create_index("ix_address_change_person_id", "address_change", ["person_id"], unique=False)
    op.create_table(
        "erasure",
        sa.Column("organisation_id", sa.Uuid(), nullable=True),
        sa.Column("company_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("keys", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("reason", sa.String(length=2000), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("proposed_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("settled_by", sa.Uuid(), nullable=True),
        sa.Column("settled_at", portal.db.UtcDateTime(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_erasure_company_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_erasure_organisation_id")
        ),
        sa.ForeignKeyConstraint(["proposed_by"], ["person.id"], name=op.f("fk_erasure_proposed_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasure")),
        info={"tenancy": "shared", "immutable": False, "unaudited": ""},
    )
    op.create_index("ix_erasure_company_id", "erasure", ["company_id"], unique=False)
    op.create_index("ix_erasure_organisation_id", "erasure", ["organisation_id"], unique=False)
    op.create_table(
        "evidence",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("issued", sa.Date(), nullable=True),
        sa.Column("expires", sa.Date(), nullable=True),
        sa.Column("filename", sa.String(length=200), nullable=False),
        sa.Column("media_type", sa.String(length=100), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("storage_key", sa.String(length=64), nullable=True),
        sa.Column("scan", sa.String(length=20), nullable=False),
        sa.Column("scanned_at", portal.db.UtcDateTime(), nullable=True),
        sa.Column("uploaded_by", sa.Uuid(), nullable=False),
        sa.Column("uploaded_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("removed_at", portal.db.UtcDateTime(), nullable=True),
        sa.Column("delegation_id", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_evidence_company_id")),
        sa.ForeignKeyConstraint(["uploaded_by"], ["person.id"], name=op.f("fk_evidence_uploaded_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence")),
        info={"tenancy": "company", "immutable": False, "unaudited": ""},
    )
    op.create_index(
        "ix_evidence_company_id_uploaded_at", "evidence", ["company_id", "uploaded_at"], unique=False
    )
    op.create_table(
        "recovery_code",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("used_at", portal.db.UtcDateTime(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_recovery_code_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_code")),
        sa.UniqueConstraint("person_id", "code_hash", name=op.f("uq_recovery_code_person_id_code_hash")),
        info={"tenancy": "global", "immutable": False, "unaudited": ""},
    )
    op.create_table(
        "second_factor",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("confirmed_at", portal.db.UtcDateTime(), nullable=True),
        sa.Column("last_step", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_second_factor_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_second_factor")),
        sa.UniqueConstraint("person_id", name=op.f("uq_second_factor_person_id")),
        info={"tenancy": "global", "immutable": False, "unaudited": ""},
    )
    op.create_table(
        "evidence_grant",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("assessment_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("evidence_id", sa.Uuid(), nullable=False),
        sa.Column("granted_by", sa.Uuid(), nullable=False),
        sa.Column("granted_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("revoked_at", portal.db.UtcDateTime(), nullable=True),
        sa.Column("delegation_id", sa.Uuid(), nullable=True),
        sa.Column("accepted_at", portal.db.UtcDateTime(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_evidence_grant_company_id")),
        sa.ForeignKeyConstraint(["evidence_id"], ["evidence.id"], name=op.f("fk_evidence_grant_evidence_id")),
        sa.ForeignKeyConstraint(["granted_by"], ["person.id"], name=op.f("fk_evidence_grant_granted_by")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_evidence_grant_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence_grant")),
        sa.UniqueConstraint(
            "assessment_id",
            "key",
            "evidence_id",
            name=op.f("uq_evidence_grant_assessment_id_key_evidence_id"),
        ),
        info={"tenancy": "shared", "immutable": False, "unaudited": ""},
    )
    op.create_index("ix_evidence_grant_company_id", "evidence_grant", ["company_id"], unique=False)
    op.create_index("ix_evidence_grant_evidence_id", "evidence_grant", ["evidence_id"], unique=False)
    op.create_table(
        "delegation",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("assessment_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("keys", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("message", sa.String(length=1000), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("expires_at", portal.db.UtcDateTime(), nullable=True),
        sa.Column("opened_at", portal.db.UtcDateTime(), nullable=True),
        sa.Column("finished_at", portal.db.UtcDateTime(), nullable=True),
        sa.Column("revoked_at", portal.db.UtcDateTime(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["assessment_id"], ["assessment.id"], name=op.f("fk_delegation_assessment_id")
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_delegation_company_id")),
        sa.ForeignKeyConstraint(["created_by"], ["person.id"], name=op.f("fk_delegation_created_by")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_delegation_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delegation")),
        info={"tenancy": "company", "immutable": False, "unaudited": ""},
    )
    op.create_index("ix_delegation_assessment_id", "delegation", ["assessment_id"], unique=False)
    op.create_index(
        "ix_delegation_company_id_person_id", "delegation", ["company_id", "person_id"], unique=False
    )
    op.create_index("uq_delegation_token_hash", "delegation", ["token_hash"], unique=True)
    op.create_table(
        "enquiry",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=True),
        sa.Column("assessment_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("wanted", sa.Date(), nullable=True),
        sa.Column("person", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("asked_by", sa.Uuid(), nullable=True),
        sa.Column("asked_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("settled_by", sa.Uuid(), nullable=True),
        sa.Column("settled_at", portal.db.UtcDateTime(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["asked_by"], ["person.id"], name=op.f("fk_enquiry_asked_by")),
        sa.ForeignKeyConstraint(["assessment_id"], ["assessment.id"], name=op.f("fk_enquiry_assessment_id")),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_enquiry_company_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_enquiry_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enquiry")),
        info={"tenancy": "shared", "immutable": False, "unaudited": ""},
    )
    op.create_index("ix_enquiry_assessment_id", "enquiry", ["assessment_id"], unique=False)
    op.create_index("ix_enquiry_company_id", "enquiry", ["company_id"], unique=False)
    op.create_index("ix_enquiry_organisation_id_state", "enquiry", ["organisation_id", "state"], unique=False)
    op.create_table(
        "answer_turn",
        sa.Column("submission_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("before", sa.LargeBinary(), nullable=False),
        sa.Column("shown_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("changed_at", portal.db.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_answer_turn_company_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_answer_turn_organisation_id")
        ),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submission.id"], name=op.f("fk_answer_turn_submission_id")
        ),
        sa.PrimaryKeyConstraint("submission_id", "key", name=op.f("pk_answer_turn")),
        info={"tenancy": "shared", "immutable": False, "unaudited": ""},
    )
    op.create_table(
        "enquiry_entry",
        sa.Column("enquiry_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=True),
        sa.Column("side", sa.String(length=20), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=True),
        sa.Column("at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["person.id"], name=op.f("fk_enquiry_entry_author_id")),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_enquiry_entry_company_id")),
        sa.ForeignKeyConstraint(["enquiry_id"], ["enquiry.id"], name=op.f("fk_enquiry_entry_enquiry_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_enquiry_entry_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enquiry_entry")),
        info={"tenancy": "shared", "immutable": False, "unaudited": ""},
    )
    op.create_index("ix_enquiry_entry_enquiry_id", "enquiry_entry", ["enquiry_id"], unique=False)
    op.create_table(
        "sealed_evidence",
        sa.Column("submission_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("evidence_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("salt", sa.LargeBinary(length=32), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_sealed_evidence_company_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_sealed_evidence_organisation_id")
        ),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submission.id"], name=op.f("fk_sealed_evidence_submission_id")
        ),
        sa.PrimaryKeyConstraint("submission_id", "key", "evidence_id", name=op.f("pk_sealed_evidence")),
        info={"tenancy": "shared", "immutable": False, "unaudited": ""},
    )
    op.create_index("ix_sealed_evidence_evidence_id", "sealed_evidence", ["evidence_id"], unique=False)
    op.add_column("answer", sa.Column("delegation_id", sa.Uuid(), nullable=True))
    op.add_column("answer", sa.Column("accepted_at", portal.db.UtcDateTime(), nullable=True))
    op.add_column("answer", sa.Column("accepted_by", sa.Uuid(), nullable=True))
    op.add_column("answer_revision", sa.Column("delegation_id", sa.Uuid(), nullable=True))
    op.add_column("assessment", sa.Column("code", sa.String(length=16), nullable=True))
    op.add_column("assessment", sa.Column("closed_at", portal.db.UtcDateTime(), nullable=True))
    op.add_column("assessment", sa.Column("closed_by", sa.Uuid(), nullable=True))
    op.create_index("uq_assessment_code", "assessment", ["code"], unique=True)
    op.add_column("company", sa.Column("closed_at", portal.db.UtcDateTime(), nullable=True))
    op.add_column("contact", sa.Column("name_key", sa.String(length=200), nullable=False, server_default=""))
    op.create_index(
        "ix_contact_organisation_id_name_key", "contact", ["organisation_id", "name_key"], unique=False
    )
    op.add_column("invitation", sa.Column("assessments", sa.JSON(none_as_null=True), nullable=True))
    op.add_column(
        "login_session", sa.Column("agent", sa.String(length=300), nullable=False, server_default="")
    )
    op.add_column(
        "login_session", sa.Column("client", sa.String(length=64), nullable=False, server_default="")
    )
    op.add_column("login_session", sa.Column("verified_at", portal.db.UtcDateTime(), nullable=True))
    op.add_column("login_session", sa.Column("delegation_id", sa.Uuid(), nullable=True))
    op.add_column(
        "organisation", sa.Column("colour", sa.String(length=20), nullable=False, server_default="slate")
    )
    op.add_column(
        "organisation", sa.Column("second_factor", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("organisation", sa.Column("keep_months", sa.Integer(), nullable=True))
    op.add_column("organisation", sa.Column("closed_at", portal.db.UtcDateTime(), nullable=True))
    op.add_column("person", sa.Column("erased_at", portal.db.UtcDateTime(), nullable=True))
    op.add_column(
        "submission",
        sa.Column("evidence", sa.LargeBinary(), nullable=False, server_default=sa.text(empty_list)),
    )
    op.add_column("vendor", sa.Column("offboarded_at", portal.db.UtcDateTime(), nullable=True))
    seal("certificate", (("id",),))
    _fill_name_keys()
    _fill_codes()
    _keep_contributors()


def downgrade() -> None:
    for name in [("ix_contact_organisation_id_name_key", "contact"), ("uq_assessment_code", "assessment")]:
        op.drop_index(name[0], name[1])
    for table in [
        "sealed_evidence",
        "enquiry_entry",
        "answer_turn",
        "enquiry",
        "delegation",
        "evidence_grant",
        "second_factor",
        "recovery_code",
        "evidence",
        "erasure",
        "address_change",
        "doomed_file",
        "certificate",
    ]:
        op.drop_table(table)
    for table, column in [
        ("answer", "delegation_id"),
        ("answer", "accepted_at"),
        ("answer", "accepted_by"),
        ("answer_revision", "delegation_id"),
        ("assessment", "code"),
        ("assessment", "closed_at"),
        ("assessment", "closed_by"),
        ("company", "closed_at"),
        ("contact", "name_key"),
        ("invitation", "assessments"),
        ("login_session", "agent"),
        ("login_session", "client"),
        ("login_session", "verified_at"),
        ("login_session", "delegation_id"),
        ("organisation", "colour"),
        ("organisation", "second_factor"),
        ("organisation", "keep_months"),
        ("organisation", "closed_at"),
        ("person", "erased_at"),
        ("submission", "evidence"),
        ("vendor", "offboarded_at"),
    ]:
        op.drop_column(table, column)


def _fill_name_keys() -> None:
    contact = sa.table("contact", sa.column("id", sa.Uuid()), sa.column("name"), sa.column("name_key"))
    bind = op.get_bind()
    for key, name in bind.execute(sa.select(contact.c.id, contact.c.name)).all():
        bind.execute(
            contact.update().where(contact.c.id == key).values(name_key=portal.db.name_key(name)[:200])
        )


def _fill_codes() -> None:
    """What was issued before there were codes gets one, so that its next letter can be checked too."""
    letters, bind = "0123456789ABCDEFGHJKMNPQRSTVWXYZ", op.get_bind()
    assessment = sa.table("assessment", sa.column("id", sa.Uuid()), sa.column("code"))
    for key in bind.execute(sa.select(assessment.c.id).where(assessment.c.code.is_(None))).scalars().all():
        drawn = "".join(secrets.choice(letters) for _ in range(10))
        bind.execute(
            assessment.update().where(assessment.c.id == key).values(code=f"{drawn[:5]}-{drawn[5:]}")
        )


def _keep_contributors() -> None:
    bind, now = op.get_bind(), datetime.now(UTC)
    rows = bind.execute(
        sa.text(
            "SELECT a.id, a.company_id, m.person_id FROM assessment a JOIN company_member m "
            "ON m.company_id = a.company_id WHERE m.role = 'contributor' AND m.removed_at IS NULL"
        ).columns(id=sa.Uuid(), company_id=sa.Uuid(), person_id=sa.Uuid())
    ).all()
    delegation = sa.table(
        "delegation",
        *(
            sa.column(name, sa.Uuid())
            for name in ("id", "company_id", "assessment_id", "person_id", "created_by")
        ),
        sa.column("keys", sa.JSON()),
        sa.column("message"),
        sa.column("created_at", portal.db.UtcDateTime()),
    )
    for assessment, company, person in rows:
        bind.execute(
            delegation.insert().values(
                id=uuid.uuid4(),
                company_id=company,
                assessment_id=assessment,
                person_id=person,
                created_by=person,
                keys=["*"],
                message="",
                created_at=now,
            )
        )
