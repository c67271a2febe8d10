"""moto in this process, and a target whose clock stands."""

from __future__ import annotations

import urllib.request
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest
from moto.server import ThreadedMotoServer

from operators.canary.aws import Aws
from operators.canary.metrics import Target

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def target() -> Target:
    return Target("hub", "web", {"a": "web-a", "b": "web-b"}, 80, NOW)


@pytest.fixture(scope="session")
def moto_server() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def moto(moto_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the URL of an empty moto; boto3 finds it, and credentials, as in a pod: by the environment."""
    reset = urllib.request.Request(f"{moto_server}/moto-api/reset", method="POST")  # noqa: S310 - our own loopback URL
    with urllib.request.urlopen(reset, timeout=10) as answer:  # noqa: S310
        assert answer.status == 200
    for name, value in {
        "AWS_ENDPOINT_URL": moto_server,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }.items():
        monkeypatch.setenv(name, value)
    return moto_server


@pytest.fixture
async def aws(moto: str) -> AsyncIterator[Aws]:
    made = Aws()
    yield made
    made.close()
