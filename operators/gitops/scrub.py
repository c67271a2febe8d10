"""Keep the values of Secrets, and what harms a terminal, out of everything that people and logs can read.

API servers quote what they refuse, and they may quote it shortened or escaped. So a message about a Secret is
replaced as a whole, and any other message has known values blotted out.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from contextlib import suppress

from operators.kit.kube import Manifest, Ref

_SHORTEST = 4
"""Blotting out shorter values would make messages unreadable and hide nothing worth hiding."""
_LONGEST_MESSAGE = 600
MESSAGE_LIMIT = 2000
"""Characters of one message that are kept; the whole of it stands in the Application's conditions."""


def is_secret(manifest: Manifest) -> bool:
    """Whether the object is a core Secret."""
    return manifest.get("kind") == "Secret" and manifest.get("apiVersion") == "v1"


def secret_values(manifests: Iterable[Manifest]) -> frozenset[str]:
    """Return every value the Secrets among these objects hold, as written and decoded."""
    found: set[str] = set()
    for manifest in manifests:
        if not is_secret(manifest):
            continue
        for value in _leaves([manifest.get("stringData"), manifest.get("data")]):
            found.add(value)
            with suppress(binascii.Error, UnicodeDecodeError, ValueError):
                found.add(base64.b64decode(value, validate=True).decode())
    return frozenset(value for value in found if len(value) >= _SHORTEST)


def _leaves(value: object) -> Iterable[str]:
    """Yield every value below, also where a Secret is written in a way that the API server will refuse."""
    if isinstance(value, dict | list):
        for below in value.values() if isinstance(value, dict) else value:
            yield from _leaves(below)
    elif value is not None:
        yield str(value)


def scrub(message: str, about: Manifest, values: Iterable[str] = ()) -> str:
    """Return the message on one line without secret values; `about` is the object it speaks of."""
    if is_secret(about):
        return f"{Ref.of(about)}: the API server refused it; its words are withheld because they can quote values"
    for value in sorted(values, key=len, reverse=True):
        message = message.replace(value, "***")
    line = " ".join(message.split())
    return line if len(line) <= _LONGEST_MESSAGE else line[: _LONGEST_MESSAGE - 1] + "…"


def clean(text: str) -> str:
    """Make text from outside fit for a terminal, a ConfigMap and a stranger's eyes.

    Control characters go, credentials in URLs go, and so does the excerpt that the API server's JSON decoder quotes
    around an error, which for a Secret is the secret itself.
    """
    text = _CONTROL.sub("", text.replace("\r\n", "\n").replace("\t", "  "))
    text = _USERINFO.sub(r"\1***@", text)
    text = _EXCERPT.sub(r"\1|(left out)|", text)
    text = "\n".join(line.rstrip() for line in text.strip().splitlines() if line.strip())
    return text if len(text) <= MESSAGE_LIMIT else text[: MESSAGE_LIMIT - 1] + "…"


def one_line(text: str) -> str:
    """As `clean`, on a single line."""
    return " ".join(clean(text).split())


_CONTROL = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_USERINFO = re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^/\s@]+@", re.IGNORECASE)
_EXCERPT = re.compile(r"((?:error found in #\d+ byte of|bigger context) \.\.\.)\|.*?\|(?=\.\.\.|$)", re.DOTALL)
