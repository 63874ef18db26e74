"""A home as its owner knows it: upgraded at start, movable, one server's alone."""

import shutil
import sqlite3
from pathlib import Path

import pytest

from outcrop.storage.database import migrations
from outcrop.storage.database.engine import Database
from outcrop.storage.home import Home
from support.running_server import RunningServer, running_server

CONTENT_ID = "ab" * 16
ROWS = [
    "INSERT INTO buckets (name, region, created_us) VALUES ('kept', 'us-east-1', 1)",
    f"""
    INSERT INTO objects (bucket, key, content_id, size_bytes, etag, last_modified_us,
                         storage_class, parts_count, headers_json, metadata_json)
    VALUES ('kept', 'key', '{CONTENT_ID}', 7, '9a0364b9e99bb480dd25e1f0284c8555', 1000000,
            'STANDARD', 0, '{{"content-type": "text/plain"}}', '{{"a": "b"}}')
    """,
]


def make_home_of_the_previous_schema(path: Path) -> str:
    """Write a database of the revision before the newest, with an object; return the revision."""
    home = Home(path)
    home.prepare()
    previous = migrations.known_revisions()[-2]
    database = Database.at(home.database)
    migrations.upgrade(database, previous)
    with database.write() as connection:
        for statement in ROWS:
            connection.exec_driver_sql(statement)
    database.close()
    content = home.objects / "data" / CONTENT_ID[:2] / CONTENT_ID
    content.parent.mkdir(parents=True)
    content.write_bytes(b"content")
    return previous


def test_a_server_upgrades_the_home_of_the_previous_version_and_serves_its_objects(
    home: Path,
) -> None:
    previous = make_home_of_the_previous_schema(home)
    with running_server(home) as server:
        got = server.client("s3").get_object(Bucket="kept", Key="key", ChecksumMode="ENABLED")
        assert got["Body"].read() == b"content"
        assert (got["ContentType"], got["Metadata"]) == ("text/plain", {"a": "b"})
    (saved,) = (home / "backups").iterdir()
    copy = sqlite3.connect(saved / "outcrop.db")
    assert copy.execute("SELECT version_num FROM alembic_version").fetchone() == (previous,)
    assert copy.execute("SELECT key FROM objects").fetchone() == ("key",)
    copy.close()


def test_a_second_server_is_refused_and_a_moved_home_goes_on(home: Path, tmp_path: Path) -> None:
    with running_server(home) as server:
        s3 = server.client("s3")
        s3.create_bucket(Bucket="kept")
        s3.put_object(Bucket="kept", Key="key", Body=b"content")
        assert server.process is not None
        record = (home / "server.json").read_text()
        second = RunningServer(home)
        with pytest.raises(RuntimeError, match=rf"pid {server.process.pid}\b"):
            second.start()
        (home / "server.json").write_text(record)  # the harness took it away for the second
        assert s3.get_object(Bucket="kept", Key="key")["Body"].read() == b"content"
    shutil.move(home, tmp_path / "elsewhere")
    with running_server(tmp_path / "elsewhere") as server:
        s3 = server.client("s3")
        assert s3.get_object(Bucket="kept", Key="key")["Body"].read() == b"content"
    assert not home.exists()
