"""Certificates of Git hosts are checked, whatever a repository says of Git's own."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from operators.gitops.commit_status.client import Client, Later
from operators.gitops.commit_status.place import find_place
from operators.gitops.commit_status.status import State, Status
from operators.gitops.sources import Repository

STATUS = Status("a" * 40, "gitops/web", State.SUCCESS, "healthy")


def self_signed(folder: Path) -> Path:
    """Write a certificate for loopback, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a Git host")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    plain = serialization.NoEncryption()
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (folder / "both.pem").write_bytes(secret + pem)
    (folder / "ca.pem").write_bytes(pem)
    return folder


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[tuple[str, str, list[str]]]:
    """Serve a GitHub Enterprise server's stand-in by TLS: its origin, its authority, and what it was asked."""
    folder, asked = self_signed(tmp_path), list[str]()

    async def take(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=201)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", take)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "both.pem")
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    yield f"https://127.0.0.1:{runner.addresses[0][1]}", (folder / "ca.pem").read_text(), asked
    await runner.cleanup()


async def test_an_unknown_authority_gets_no_token_unless_it_is_named(served: tuple[str, str, list[str]]) -> None:
    origin, authority, asked = served
    url = f"{origin}/acme/web.git"
    place = find_place(url, {"github": origin})
    assert place is not None
    client = Client()
    try:
        for repository in (Repository(url, password="token"), Repository(url, password="token", insecure=True)):
            with pytest.raises(Later, match="certificate"):
                await client.post(place, STATUS, repository)
        assert asked == []
        await client.post(place, STATUS, Repository(url, password="token", ca=authority))
        assert asked == [f"/api/v3/repos/acme/web/statuses/{STATUS.revision}"]
    finally:
        await client.close()
