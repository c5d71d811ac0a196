"""The command line: a real installation from nothing, and one plain sentence for every bad start."""

from __future__ import annotations

import io
import re
import shutil
import socket
import sqlite3
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from portal import cli, clock, create_app, installation, schema, settings
from portal.access import OrganisationRole
from portal.accounts import factors
from portal.accounts import service as accounts
from portal.accounts.models import LoginSession, PersonRow
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.faults import StartupFault
from portal.library.models import ReleasedVersion
from portal.organisations.models import Organisation, OrganisationMember
from tests.portal.accounts.given import give_factor
from tests.portal.world import csrf_of, make_organisation, make_person
from tests.ports import free_port

BASE = "https://portal.example.com"
KEY = "fUx3-9aQz_71LmEwPp0c-Tt6vHkRr2sYdGiB8nXo"


@pytest.fixture(autouse=True)
def no_settings_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in settings.NAMES:
        monkeypatch.delenv(f"PORTAL_{name.upper()}", raising=False)


@pytest.fixture
def data(tmp_path: Path, sqlite_template: Path) -> Path:
    """An installation that is ready."""
    folder = tmp_path / "installed"
    folder.mkdir()
    (folder / "portal.toml").write_text(f'secret_key = "{KEY}"\nbase_url = "{BASE}"\n')
    shutil.copy(sqlite_template, folder / "portal.sqlite")
    return folder


def refused(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """The one sentence on standard error; the exit code is 1."""
    assert cli.main([str(one) for one in arguments]) == 1
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1, said
    assert said[0].startswith("portal: ")
    assert said[0].endswith(".")
    return said[0].removeprefix("portal: ")


def done(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    assert cli.main([str(one) for one in arguments]) == 0
    return capsys.readouterr().out


class TestInit:
    def test_from_nothing_to_an_administrator_with_a_password(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        data = tmp_path / "new"
        done(capsys, "init", "--data", data, "--base-url", BASE, "--mail", "smtp://u:p%22@mail.example:587")
        config = data / "portal.toml"
        assert stat.S_IMODE(config.stat().st_mode) == 0o600
        assert stat.S_IMODE((data / "portal.sqlite").stat().st_mode) == 0o600
        found = settings.load(data, {})
        assert (found.base_url, found.mail, found.demo) == (BASE, "smtp://u:p%22@mail.example:587", False)
        assert len(found.secret_key) >= 60

        said = done(
            capsys,
            *("create-admin", "--data", data, "--organisation", "Halden Mutual", "--zone", "Europe/Lisbon"),
            *("--name", "Ruth Abara", "ruth@halden-mutual.com"),
        )
        link = re.search(rf"{BASE}(/reset/\S+)", said)
        assert link
        app = create_app(found)
        client = app.test_client()
        page = client.get(link[1], base_url=BASE)
        assert page.status_code == 200
        fields = {"csrf_token": csrf_of(page), "password": "horse battery staple correct"}
        fields["again"] = fields["password"]
        assert client.post(link[1], data=fields, base_url=BASE).status_code in (303, 422)
        with app.database.looking(SYSTEM) as session:
            organisation = session.execute(select(Organisation)).scalar_one()
            member = session.execute(select(OrganisationMember)).scalar_one()
        assert (organisation.name, organisation.zone) == ("Halden Mutual", "Europe/Lisbon")
        assert member.role == OrganisationRole.ADMIN.value
        app.database.dispose()

    def test_each_installation_has_a_key_of_its_own(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for name in ("a", "b"):
            done(capsys, "init", "--data", tmp_path / name, "--base-url", BASE)
        keys = {settings.load(tmp_path / name, {}).secret_key for name in ("a", "b")}
        assert len(keys) == 2

    def test_it_overwrites_nothing(self, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
        before = (data / "portal.toml").read_text()
        assert "is an installation already" in refused(capsys, "init", "--data", data, "--base-url", BASE)
        assert (data / "portal.toml").read_text() == before

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (("--base-url", "http://portal.example.com"), "must begin with https://"),
            (("--base-url", "https://portal.example.com/x"), "without a path"),
            (("--base-url", BASE, "--mail", "pigeon"), "mail must be"),
            (("--base-url", BASE, "--database-url", "mysql://x"), "database_url must begin"),
            (("--base-url", BASE, "--mail", "folder:a\nb"), "control character"),
        ],
    )
    def test_settings_that_cannot_work_are_refused_and_nothing_is_written(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], words: str
    ) -> None:
        assert words in refused(capsys, "init", "--data", tmp_path / "new", *options)
        assert not (tmp_path / "new" / "portal.toml").exists()


class TestBadStarts:
    def test_no_installation(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert "no secret key" in refused(capsys, "run", "--data", tmp_path)

    @pytest.mark.parametrize(
        ("key", "words"), [("short", "too short"), ("change-me" * 6, "example"), ("a" * 60, "example")]
    )
    def test_a_weak_key(
        self,
        data: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
        key: str,
        words: str,
    ) -> None:
        monkeypatch.setenv("PORTAL_SECRET_KEY", key)
        assert words in refused(capsys, "run", "--data", data)

    def test_port_taken(self, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            for command in ("run", "demo"):
                said = refused(capsys, command, "--data", data, "--port", str(port))
                assert said.startswith(f"Port {port} on 127.0.0.1 is taken")

    @pytest.mark.parametrize("command", ["demo", "init"])
    def test_not_a_folder(self, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str) -> None:
        file = tmp_path / "file"
        file.write_text("")
        more = ("--base-url", BASE) if command == "init" else ("--port", str(free_port()))
        assert refused(capsys, command, "--data", file, *more) == f"{file} is not a folder."
        assert refused(capsys, command, "--data", file / "x", *more) == f"{file / 'x'} is not a folder."

    def test_a_folder_that_cannot_be_written_to(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def denied(**kwargs: object) -> None:  # as root, the tests may write everywhere
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(installation.tempfile, "TemporaryFile", denied)
        said = refused(capsys, "demo", "--data", tmp_path, "--port", str(free_port()))
        assert said == f"The folder {tmp_path} cannot be written to: Permission denied."

    @pytest.mark.parametrize("command", ["run", "worker"])
    def test_a_migration_is_pending(
        self, data: Path, capsys: pytest.CaptureFixture[str], command: str
    ) -> None:
        (data / "portal.sqlite").unlink()
        more = ("--port", str(free_port())) if command == "run" else ("--once",)
        assert "waits for a migration" in refused(capsys, command, "--data", data, *more)
        done(capsys, "upgrade", "--data", data)
        done(capsys, "worker", "--data", data, "--once")

    @pytest.mark.parametrize("command", ["run", "worker", "upgrade"])
    def test_the_database_is_newer(
        self, data: Path, capsys: pytest.CaptureFixture[str], command: str
    ) -> None:
        with sqlite3.connect(data / "portal.sqlite") as connection:
            connection.execute("UPDATE alembic_version SET version_num = 'of-the-future'")
        connection.close()
        more = {"run": ("--port", str(free_port())), "worker": ("--once",)}.get(command, ())
        assert "newer than this portal" in refused(capsys, command, "--data", data, *more)

    @pytest.mark.parametrize("command", ["run", "worker", "upgrade"])
    def test_the_database_is_no_database(
        self, data: Path, capsys: pytest.CaptureFixture[str], command: str
    ) -> None:
        (data / "portal.sqlite").write_bytes(b"This is a letter to my mother. " * 200)
        more = {"run": ("--port", str(free_port())), "worker": ("--once",)}.get(command, ())
        assert "file is not a database" in refused(capsys, command, "--data", data, *more)

    def test_the_database_is_busy(
        self, data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("portal.db.BUSY_SECONDS", 0)
        holder = sqlite3.connect(data / "portal.sqlite", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        try:
            for command in (("upgrade",), ("create-admin", "--organisation", "X", "--name", "Y", "y@x.com")):
                said = refused(capsys, command[0], "--data", data, *command[1:])
                assert said.startswith("The database is busy")
        finally:
            holder.close()

    def test_settings_that_nobody_knows(self, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
        with (data / "portal.toml").open("a") as stream:
            stream.write('colour = "red"\n')
        assert "colour" in refused(capsys, "run", "--data", data)


class TestWorker:
    def test_another_day_is_for_demonstrations(self, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
        said = refused(capsys, "worker", "--data", data, "--once", "--now", "2027-01-01")
        assert said.startswith("--now is for demonstrations only")

    @pytest.mark.parametrize("now", ["tomorrow", "2027-02-30", "20270101", "2027-01-01T25:00"])
    def test_a_day_that_is_none(self, data: Path, now: str) -> None:
        with pytest.raises(SystemExit) as ended:
            cli.main(["worker", "--data", str(data), "--once", "--now", now])
        assert ended.value.code == 2

    def test_a_clock_that_cannot_be_right_sends_letters_and_reminds_of_nothing(
        self, data: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with sqlite3.connect(data / "portal.sqlite") as connection:
            connection.execute(
                "INSERT INTO worker_beat (name, at) VALUES ('other', '2199-01-01 00:00:00.000000')"
            )
        connection.close()
        assert cli.main(["worker", "--data", str(data), "--once"]) == 1
        said = capsys.readouterr()
        assert "0 letters sent" in said.out
        assert "No reminders were generated. A worker was here at 2199-01-01 00:00 UTC" in said.err
        done(capsys, "worker", "--data", data, "--once", "--after-a-pause")

    def test_once_is_one_pass(self, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert done(capsys, "worker", "--data", data, "--once") == "0 reminders queued, 0 letters sent.\n"


class TestCreateAdmin:
    def test_the_password_may_come_on_standard_input(
        self, data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO("horse battery staple correct\n"))
        arguments = ("--data", data, "--organisation", "Halden", "--name", "Ruth", "--password-stdin")
        said = done(capsys, "create-admin", *arguments, "Ruth@Halden-Mutual.com")
        assert "/reset/" not in said
        with Database(settings.load(data).database_url).looking(SYSTEM) as session:
            person = session.execute(select(PersonRow)).scalar_one()
        assert person.email == "ruth@halden-mutual.com"
        assert (person.password_hash or "").startswith("$argon2id$")

    def test_a_weak_password_makes_no_account(
        self, data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO("password\n"))
        arguments = ("--data", data, "--organisation", "Halden", "--name", "Ruth", "--password-stdin")
        assert "12 characters" in refused(capsys, "create-admin", *arguments, "ruth@halden.com")
        with Database(settings.load(data).database_url).looking(SYSTEM) as session:
            assert session.execute(select(PersonRow)).first() is None

    def test_a_second_administrator_joins_the_same_organisation(
        self, data: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for name in ("ruth", "ines"):
            arguments = ("--data", data, "--organisation", "Halden  MUTUAL", "--name", name)
            done(capsys, "create-admin", *arguments, f"{name}@halden.com")
        said = refused(capsys, "create-admin", *arguments, "ines@halden.com")
        assert said == "This person is a member already."
        with Database(settings.load(data).database_url).looking(SYSTEM) as session:
            assert len(session.execute(select(Organisation)).all()) == 1

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (("--zone", "Mars/Olympus", "ruth@halden.com"), "time zone"),
            (("--currency", "gold", "ruth@halden.com"), "currency"),
            (("ruth at halden",), "no mail address"),
        ],
    )
    def test_what_cannot_be_is_refused(
        self, data: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], words: str
    ) -> None:
        arguments = ("--data", data, "--organisation", "Halden", "--name", "Ruth")
        assert words in refused(capsys, "create-admin", *arguments, *options)


VSAQ = """{"questionnaire": [ // a comment
  {"type": "block", "text": "Access", "items": [
    {"type": "yesno", "text": "Is there a " + "second factor?", "yes": "Yes", "no": "No", "id": "mfa"}
  ]}
]}"""


class TestImport:
    def test_a_questionnaire_is_released_for_one_organisation(
        self, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        done(
            capsys, "create-admin", "--data", data, "--organisation", "Halden", "--name", "R", "r@halden.com"
        )
        file = tmp_path / "Web Apps.json"
        file.write_text(VSAQ)
        said = done(capsys, "import-questionnaire", "--data", data, "halden", file)
        assert said.rstrip().endswith("Released web_apps@1.0.0 for Halden.")
        with Database(settings.load(data).database_url).looking(SYSTEM) as session:
            released = session.execute(select(ReleasedVersion)).scalar_one()
        assert (released.slug, released.questions) == ("web_apps", 1)
        assert "already" in refused(capsys, "import-questionnaire", "--data", data, "halden", file)
        control = '{"ref": "2.8", "title": "Encryption", "group": "Design", "text": "Encrypt it"}'
        file.write_text(f'{{"id": "mvsp", "version": "2.0", "controls": [{control}]}}')
        said = done(capsys, "import-questionnaire", "--data", data, "halden", file)
        assert said.rstrip().endswith("Released mvsp@2.0.0 for Halden.")
        file.write_text(
            "Minimum Viable Secure Product\nv3.0, 2023-11-09\n|===\nh| 2 Design\n| 2.8 Encryption\n| Encrypt it\n|===\n"
        )
        said = done(capsys, "import-questionnaire", "--data", data, "halden", file)
        assert said.rstrip().endswith("Released mvsp@3.0.0 for Halden.")

    def test_the_rules_of_a_release_hold_here_too(
        self, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        done(
            capsys, "create-admin", "--data", data, "--organisation", "Halden", "--name", "R", "r@halden.com"
        )
        command = ("import-questionnaire", "--data", data, "--slug", "web")
        file = tmp_path / "x.json"
        file.write_text(VSAQ)
        done(capsys, *command, "--version", "1.1.0", "halden", file)
        said = refused(capsys, *command, "--version", "1.0.9", "halden", file)
        assert said == "1.1.0 is released. Write a higher number."
        # Another question under a key that is answered already, of the same revision.
        file.write_text(VSAQ.replace('"yesno"', '"line"').replace("second factor", "river nearby"))
        again = [str(one) for one in (*command, "--version", "1.2.0", "halden", file)]
        assert cli.main(again) == 1
        assert "own.web.mfa: type: was choice in web@1.1.0; raise the revision" in capsys.readouterr().err
        file.write_text(VSAQ)
        done(capsys, *command, "--version", "1.2.0", "halden", file)
        with Database(settings.load(data).database_url).looking(SYSTEM) as session:
            first, second = session.scalars(select(ReleasedVersion).order_by(ReleasedVersion.version))
        assert (first.previous_hash, second.previous_hash) == (None, first.content_hash)

    @pytest.mark.parametrize(
        ("text", "words"),
        [("{", ""), ('{"questionnaire": []}', ""), ('{"slug": "x"}', ""), ("[" * 10_000, "")],
    )
    def test_what_is_none_is_refused_in_words(
        self, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, words: str
    ) -> None:
        file = tmp_path / "x.json"
        file.write_text(text)
        assert cli.main(["import-questionnaire", "--data", str(data), "halden", str(file)]) == 1
        said = capsys.readouterr().err
        assert said.startswith("portal: ")
        assert "Traceback" not in said

    def test_no_such_file_or_organisation(
        self, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = tmp_path / "x.json"
        said = refused(capsys, "import-questionnaire", "--data", data, "halden", file)
        assert said == f"{file} cannot be read: No such file or directory."
        file.write_text(VSAQ)
        said = refused(capsys, "import-questionnaire", "--data", data, "halden", file)
        assert said == "There is no organisation called halden."


def test_the_code_knows_its_own_head(data: Path) -> None:
    database = Database(settings.load(data).database_url)
    schema.require_current(database)
    database.dispose()
    with pytest.raises(StartupFault):
        schema.require_current(Database("sqlite:////nowhere/at/all.sqlite"))


class TestResetSecondFactor:
    def test_it_takes_the_factor_away_signs_out_and_is_on_record(
        self, data: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        found = settings.load(data)
        database = Database(found.database_url, found.base_url, found.secret_key)
        ada = make_person(database, replace(found, argon2_cheap=True), "Ada", "ada@x.com", clock.now())
        give_factor(database, found, ada)
        with database.transaction() as session:
            accounts.open_session(session, ada.id, now=clock.now(), verified=True)
        assert "no second factor any more" in done(capsys, "reset-second-factor", "--data", data, "Ada@X.com")
        with database.looking(SYSTEM) as session:
            assert not factors.is_on(session, ada.id)
            assert all(session.scalars(select(LoginSession.revoked_at)))
            event = session.scalars(select(Event).where(Event.kind == "second_factor.removed")).one()
            assert (event.actor_id, event.subject_id) == (None, ada.id)
        assert "no second factor" in refused(capsys, "reset-second-factor", "--data", data, "ada@x.com")
        assert "Nobody here" in refused(capsys, "reset-second-factor", "--data", data, "eve@x.com")
        database.dispose()


class TestVouching:
    def test_a_member_is_here_by_the_operators_word_from_then_on(
        self, data: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        found = settings.load(data)
        database = Database(found.database_url, found.base_url, found.secret_key)
        place = make_organisation(database, replace(found, argon2_cheap=True), "Alder", clock.now())
        admin, ciso = place[OrganisationRole.ADMIN], place[OrganisationRole.CISO]
        with database.transaction() as session:
            row = session.scalars(
                select(OrganisationMember).where(OrganisationMember.person_id == ciso.person.id)
            ).one()
            row.given_by = admin.person.id
            record(session, Kind.MEMBER_ADDED, now=clock.now(), actor=None, subject=row)
        vouch = ("vouch-for", "--data", data, "--organisation")
        assert "by your word now" in done(capsys, *vouch, "Alder", ciso.person.email)
        with database.looking(SYSTEM) as session:
            event = session.scalars(select(Event).where(Event.kind == "member.vouched_for")).one()
            assert (event.actor_id, event.data) == (None, {"person": str(ciso.person.id)})
            seat = session.scalars(
                select(OrganisationMember).where(OrganisationMember.person_id == ciso.person.id)
            ).one()
            assert seat.given_by is None
        make_person(database, replace(found, argon2_cheap=True), "Ada", "ada@x.com", clock.now())
        assert "no organisation called Oak" in refused(capsys, *vouch, "Oak", ciso.person.email)
        assert "no such address" in refused(capsys, *vouch, "Alder", "nobody@x.com")
        assert "does not belong to Alder" in refused(capsys, *vouch, "Alder", "ada@x.com")
        database.dispose()


class TestAllowDomain:
    """Whose addresses a sign-in provider may make accounts for is the word of whoever runs the portal."""

    def test_a_domain_is_given_to_one_organisation(
        self, data: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        found = installation.load(data)
        database = installation.open_database(found)
        for name in ("Alder", "Birch"):
            make_organisation(database, replace(found, argon2_cheap=True), name, clock.now())
        allow = ("allow-domain", "--data", data)
        for _twice in range(2):
            assert "addresses at alder.example" in done(capsys, *allow, "Alder", "Alder.example")
        assert "Another organisation has this domain" in refused(capsys, *allow, "Birch", "alder.example")
        assert "no organisation called Oak" in refused(capsys, *allow, "Oak", "oak.example")
        assert "is no domain" in refused(capsys, *allow, "Alder", "alder example")
        with database.looking(SYSTEM) as session:
            events = session.scalars(select(Event).where(Event.kind == "domain.allowed")).all()
        assert len(events) == 1
        database.dispose()
