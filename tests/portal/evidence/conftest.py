"""Storage of both kinds; the S3 server is one for the whole test session."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from portal.settings import Settings
from portal.storage import Storage, open_storage

BUCKET = "files-of-the-portal"


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """The ``storage`` setting of an empty bucket, under a prefix."""
    import boto3

    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        region_name="us-east-1",
    ).create_bucket(Bucket=BUCKET)
    yield f"s3://{BUCKET}/some/prefix?endpoint={endpoint}&region=us-east-1"
    server.stop()


@pytest.fixture(params=["folder", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    """An empty place of either kind."""
    named = f"folder:{tmp_path / 'kept'}" if request.param == "folder" else request.getfixturevalue("s3")
    opened = open_storage(made(tmp_path, storage=named))
    yield opened
    for key, _ in list(opened.keys()):
        opened.delete(key)


def made(data: Path, **more: str) -> Settings:
    """Settings that nothing but storage and scanner is read from."""
    plain = Settings(
        data=data, secret_key="x" * 40, database_url="", base_url="http://127.0.0.1:8000", mail="console"
    )
    return replace(plain, storage_key_id="key", storage_secret="secret", **more)  # type: ignore[arg-type]
