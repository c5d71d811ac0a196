"""Storage of both kinds keeps files whole or not at all, under names that cannot lead anywhere."""

from __future__ import annotations

import io
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from portal import settings
from portal.db import SYSTEM, Database
from portal.faults import StartupFault, Unavailable
from portal.storage import Folder, Missing, Storage, new_key, open_storage
from tests.portal.evidence.conftest import made

BIG = os.urandom(1024) * (11 * 1024)  # more than two parts of a bucket


class Torn(io.BytesIO):
    """A file that breaks off while it is read."""

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() > 300_000:
            raise OSError("gone")
        return super().read(size)


@pytest.mark.parametrize("content", [b"", b"a few words", BIG], ids=["empty", "small", "big"])
def test_a_file_comes_back_as_it_was(storage: Storage, content: bytes) -> None:
    key = new_key()
    storage.put(key, io.BytesIO(content))
    assert b"".join(storage.read(key)) == content
    ((listed, at),) = storage.keys()
    assert listed == key
    assert abs(at - datetime.now(UTC)) < timedelta(minutes=1)
    storage.delete(key)
    storage.delete(key)
    assert list(storage.keys()) == []
    with pytest.raises(Missing):
        storage.read(key)


def test_a_file_that_breaks_off_leaves_nothing(storage: Storage) -> None:
    with pytest.raises(Unavailable):
        storage.put(new_key(), Torn(BIG))
    assert list(storage.keys()) == []


@pytest.mark.parametrize(
    "key", ["", "../../etc/passwd", "a" * 31, "A" * 32, "a" * 32 + "\n", "a" * 30 + "/.", "0" * 33]
)
def test_a_name_that_is_no_key_touches_nothing(storage: Storage, key: str) -> None:
    for do in (
        lambda: storage.put(key, io.BytesIO(b"x")),
        lambda: storage.read(key),
        lambda: storage.delete(key),
    ):
        with pytest.raises(ValueError, match="32 hexadecimal"):
            do()


def test_storage_is_slow_work(storage: Storage, database: Database) -> None:
    """Law 2: never inside a write transaction."""
    key = new_key()
    with database.transaction(SYSTEM):
        for do in (
            lambda: storage.put(key, io.BytesIO(b"x")),
            lambda: storage.read(key),
            lambda: storage.delete(key),
            lambda: list(storage.keys()),
            storage.check,
        ):
            with pytest.raises(RuntimeError, match="write transaction"):
                do()


def test_a_check_leaves_nothing(storage: Storage) -> None:
    storage.check()
    assert list(storage.keys()) == []


def test_a_bucket_that_does_not_answer_is_unavailable(tmp_path: Path) -> None:
    away = made(tmp_path, storage="s3://bucket?endpoint=http://127.0.0.1:9")
    with pytest.raises(Unavailable, match="cannot reach"):
        open_storage(away).check()


class TestFolder:
    def test_files_are_the_portal_users_alone(self, tmp_path: Path) -> None:
        storage = open_storage(made(tmp_path))
        key = new_key()
        storage.put(key, io.BytesIO(b"x"))
        file = tmp_path / "files" / key[:2] / key
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert {stat.S_IMODE(one.stat().st_mode) for one in (file.parent, tmp_path / "files")} == {0o700}

    def test_what_a_crash_left_half_written_can_be_found_and_removed(self, tmp_path: Path) -> None:
        storage = Folder(tmp_path)
        key = new_key()
        (tmp_path / key[:2]).mkdir()
        (tmp_path / key[:2] / f"{key}.part").write_bytes(b"half")
        assert {key for key, _ in list(storage.keys())} == {key}
        with pytest.raises(Missing):
            storage.read(key)
        storage.delete(key)
        assert list(storage.keys()) == []

    def test_a_link_in_the_way_is_not_followed(self, tmp_path: Path) -> None:
        storage = Folder(tmp_path / "files")
        key = new_key()
        (tmp_path / "files" / key[:2]).mkdir()
        (tmp_path / "files" / key[:2] / f"{key}.part").symlink_to(tmp_path / "victim")
        with pytest.raises(Unavailable):
            storage.put(key, io.BytesIO(b"x"))
        assert not (tmp_path / "victim").exists()

    def test_a_folder_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "files").write_text("a file")
        with pytest.raises(StartupFault, match="cannot be made: File exists"):
            open_storage(made(tmp_path))


SOUND = {"secret_key": "abcdefghijklmnopqrstuvwxyz0123456789ABCD", "base_url": "https://portal.example.org"}
KEYS = {"storage_key_id": "id", "storage_secret": "secret"}
S3 = "s3://bucket/prefix?endpoint=https://s3.example.com:9000&region=eu-central-1"


def load(data: Path, values: dict[str, Any]) -> settings.Settings:
    return settings.load(data, {f"PORTAL_{name.upper()}": value for name, value in (SOUND | values).items()})


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"storage": "folder:elsewhere"},
        {"storage": "folder:/srv/files"},
        {"storage": S3, **KEYS},
        {"storage": "s3://bucket", **KEYS},
        {"scanner": "clamd:127.0.0.1:3310"},
        {"scanner": "clamd:unix:/run/clamav/clamd.sock"},
    ],
)
def test_settings_that_are_taken(tmp_path: Path, values: dict[str, str]) -> None:
    found = load(tmp_path, values)
    assert {name: getattr(found, name) for name in values} == values


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"storage": "/srv/files"}, "storage must be folder:PATH or s3://"),
        ({"storage": "folder:"}, "storage must be folder:PATH or s3://"),
        ({"storage": "s3:///prefix", **KEYS}, "storage must be folder:PATH or s3://"),
        ({"storage": "s3://bucket:port", **KEYS}, "storage must be folder:PATH or s3://"),
        ({"storage": f"folder:{settings.PACKAGE / 'static'}"}, "inside the portal's own code"),
        ({"storage": "s3://bucket?acl=public", **KEYS}, "an option that the portal does not know: acl."),
        (
            {"storage": "s3://bucket?endpoint=s3.example.com", **KEYS},
            "endpoint of storage must be an address",
        ),
        ({"storage": "s3://bucket?endpoint=", **KEYS}, "endpoint of storage must be an address"),
        ({"storage": S3}, "PORTAL_STORAGE_KEY_ID and PORTAL_STORAGE_SECRET"),
        ({"storage": S3, "storage_key_id": "id"}, "PORTAL_STORAGE_KEY_ID and PORTAL_STORAGE_SECRET"),
        ({"scanner": "clamav"}, "scanner must be"),
        ({"scanner": "clamd:host"}, "scanner must be"),
        ({"scanner": "clamd:host:99999"}, "scanner must be"),
        ({"scanner": "clamd:unix:relative"}, "scanner must be"),
    ],
)
def test_settings_that_are_refused(tmp_path: Path, values: dict[str, str], words: str) -> None:
    with pytest.raises(StartupFault) as refusal:
        load(tmp_path, values)
    assert words in str(refusal.value)
    assert str(refusal.value).endswith(".")
    assert "secret" not in str(refusal.value).replace("PORTAL_STORAGE_SECRET", "")
