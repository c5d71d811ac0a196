"""Where files lie: a folder of this machine or an S3-compatible bucket, under random names (laws 2 and 11).

A file is there whole or not at all. Its name is a key of 32 hexadecimal digits, which says nothing about its content
and cannot lead out of the place. Each function refuses to run inside a write transaction. Raises Missing for a file
that is not there, Unavailable when the place does not answer.
"""

from __future__ import annotations

import io
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Protocol
from urllib.parse import parse_qs, urlsplit

from portal import clock
from portal.db import refuse_slow_work
from portal.faults import NotFound, StartupFault, Unavailable
from portal.settings import Settings

KEY = re.compile(r"[0-9a-f]{32}")
PIECE = 256 * 1024
PART = 5 * 1024 * 1024  # the smallest part that S3 takes
FOLDER = "files"
UNREACHABLE = "The portal cannot reach the place where files are kept. Nothing was changed; please try again."
PARTIAL = ".part"


class Missing(NotFound):
    """The file is not in storage (any more)."""


class Storage(Protocol):
    """What both places can do. Keys come from ``new_key``."""

    def put(self, key: str, file: IO[bytes]) -> None:
        """Keep what ``file`` holds from its present position on. Durable when this returns; nothing when it raises."""

    def read(self, key: str) -> Iterator[bytes]:
        """The file in pieces; opened before this returns. Raises Missing."""

    def delete(self, key: str) -> None:
        """Remove the file; one that is not there is no fault."""

    def keys(self) -> Iterator[tuple[str, datetime]]:
        """Each file with the instant it was kept; what a crash has left half written is listed too."""

    def room(self) -> int | None:
        """Bytes that are free where the files lie; None where nobody counts."""

    def check(self) -> None:
        """Raise Unavailable with a sentence unless a file can be kept and removed."""


def new_key() -> str:
    """A name for a file: random, so that nobody can guess it and nothing can be read from it."""
    return secrets.token_hex(16)


def open_storage(settings: Settings) -> Storage:
    """The place that the settings name; raises StartupFault when a folder cannot be made. Asks nothing of a bucket."""
    if settings.storage.startswith("s3://"):
        return Bucket(settings)
    named = settings.storage.removeprefix("folder:")
    return Folder(settings.data / (named or FOLDER))


class Folder:
    """Files in a folder that only this user reads, spread over 256 subfolders."""

    def __init__(self, root: Path) -> None:
        self.root = root
        try:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StartupFault(f"The folder for files, {root}, cannot be made: {error.strerror}.") from error

    def put(self, key: str, file: IO[bytes]) -> None:
        refuse_slow_work("storing a file")
        target = self._path(key)
        partial = target.with_suffix(PARTIAL)
        with _reachable():
            target.parent.mkdir(mode=0o700, exist_ok=True)
            try:
                descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOT_FOLLOWING, 0o600)
                with os.fdopen(descriptor, "wb") as stream:
                    while piece := file.read(PIECE):
                        stream.write(piece)
                    stream.flush()
                    os.fsync(stream.fileno())
                os.rename(partial, target)
                _sync(target.parent)
            except BaseException:
                for path in (partial, target):
                    with suppress(OSError):
                        path.unlink()
                raise

    def read(self, key: str) -> Iterator[bytes]:
        refuse_slow_work("reading a file")
        with _reachable():
            stream = self._path(key).open("rb")
        return _pieces(stream)

    def delete(self, key: str) -> None:
        refuse_slow_work("deleting a file")
        target = self._path(key)
        with _reachable():
            for path in (target, target.with_suffix(PARTIAL)):
                path.unlink(missing_ok=True)

    def keys(self) -> Iterator[tuple[str, datetime]]:
        refuse_slow_work("listing files")
        with _reachable():
            for path in self.root.glob("[0-9a-f][0-9a-f]/*"):
                if KEY.fullmatch(path.stem):
                    with suppress(FileNotFoundError):  # deleted meanwhile
                        yield path.stem, clock.instant(path.stat().st_mtime)

    def room(self) -> int | None:
        return shutil.disk_usage(self.root).free

    def check(self) -> None:
        _check(self)

    def _path(self, key: str) -> Path:
        _sound(key)
        return self.root / key[:2] / key


class Bucket:
    """Files in an S3-compatible bucket; the bucket is there already and is ours alone, or ours under a prefix."""

    def __init__(self, settings: Settings) -> None:
        from obstore.store import S3Store

        parts = urlsplit(settings.storage)
        options = {name: values[0] for name, values in parse_qs(parts.query).items()}
        endpoint = options.get("endpoint")
        place: dict[str, Any] = {"endpoint": endpoint} if endpoint else {}
        self.store = S3Store(
            parts.netloc,
            prefix=parts.path.strip("/") or None,
            region=options.get("region", "us-east-1"),
            access_key_id=settings.storage_key_id,
            secret_access_key=settings.storage_secret,
            client_options={"timeout": "60s", "connect_timeout": "5s", "allow_http": _plain(endpoint)},
            retry_config={"max_retries": 2},
            **place,
        )

    def put(self, key: str, file: IO[bytes]) -> None:
        """In parts, so that a file of 25 MB never lies in memory as a whole; an unfinished one is no object."""
        import obstore

        refuse_slow_work("storing a file")
        with _reachable():
            obstore.put(self.store, _sound(key), file, chunk_size=PART, max_concurrency=2)

    def read(self, key: str) -> Iterator[bytes]:
        import obstore

        refuse_slow_work("reading a file")
        with _reachable():
            found = obstore.get(self.store, _sound(key))
        return self._pieces(found)

    def delete(self, key: str) -> None:
        import obstore

        refuse_slow_work("deleting a file")
        with _reachable(), suppress(FileNotFoundError):
            obstore.delete(self.store, _sound(key))

    def keys(self) -> Iterator[tuple[str, datetime]]:
        import obstore

        refuse_slow_work("listing files")
        with _reachable():
            for found in obstore.list(self.store):
                for one in found:
                    if KEY.fullmatch(one["path"]):
                        yield one["path"], one["last_modified"]

    def room(self) -> int | None:
        return None

    def check(self) -> None:
        _check(self)

    @staticmethod
    def _pieces(found: Any) -> Iterator[bytes]:
        with _reachable():
            for piece in found.stream(min_chunk_size=PIECE):
                yield bytes(piece)


_NOT_FOLLOWING = getattr(os, "O_NOFOLLOW", 0)


def _sound(key: str) -> str:
    """``key``, unless it is no key of ours: then nothing is touched."""
    if not KEY.fullmatch(key):
        raise ValueError("a storage key has 32 hexadecimal digits")
    return key


def _plain(endpoint: str | None) -> bool:
    return endpoint is not None and endpoint.startswith("http://")


def _pieces(stream: IO[bytes]) -> Iterator[bytes]:
    with stream:
        while piece := stream.read(PIECE):
            yield piece


def _sync(folder: Path) -> None:
    """Make a new name durable: it stands in the folder, which is written separately from the file."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _reachable() -> Iterator[None]:
    """Faults of the operating system and of obstore in our words."""
    from obstore.exceptions import BaseError

    try:
        yield
    except FileNotFoundError as error:
        raise Missing("The file is not here any more.") from error
    except (OSError, BaseError) as error:
        raise Unavailable(UNREACHABLE) from error


def _check(storage: Storage) -> None:
    key = new_key()
    storage.put(key, io.BytesIO(b"check"))
    storage.delete(key)
