"""Keys of web hooks: read from a Secret of the Canary's namespace, and what is signed with them.

In: the name of a Secret. Out: its key `key`. Read at every use, so that a rotated key is the next one.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from operators.kit.kube import KubeApi, Ref

from .metrics import Outage

HEADER = "X-Signature-256"


async def key_of(api: KubeApi, namespace: str, secret: str) -> bytes:
    """Return the key; nothing where no Secret is named. Raises Outage where it is not there, ApiError."""
    if not secret:
        return b""
    found = await api.get(Ref("", "Secret", namespace, secret))
    try:
        text = ((found or {}).get("data") or {})["key"]
        return base64.b64decode(text, validate=True)
    except (KeyError, binascii.Error):
        raise Outage(f"Secret {secret} has no key `key` to sign with") from None


def signature(key: bytes, signed: bytes) -> str:
    """Return the header's value."""
    return f"sha256={hmac.new(key, signed, hashlib.sha256).hexdigest()}"
