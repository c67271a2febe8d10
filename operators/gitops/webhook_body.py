"""Read a webhook's body as it comes: a few fields of a JSON object of any size, in little memory. Pure.

In:  the body in pieces. Out: the values of the wanted fields at its top level; all else is passed over unread.
GitHub's push events have up to 25 MB, nearly all of it the list of commits, which Git itself tells better. What is
passed over is not checked to be JSON; what is wanted is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any

from operators.kit.errors import Invalid

KEPT_BYTES = 128 * 1024
"""Of the wanted fields together; a repository as GitHub describes it has about 10 kB."""
STEPS, BYTES_PER_STEP = 10_000, 10
"""The work that is spent on a body: real ones have a bracket for every thirty bytes, and anybody may send brackets."""

_STRING_REST = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_NESTED = re.compile(rb'(?:[^"{}\[\]]++|"(?:[^"\\]++|\\.)*+")*+', re.DOTALL)
_PLAIN = re.compile(rb'[^"{}\[\],:]*+')
_QUOTE, _BACKSLASH, _COMMA, _COLON = b'"\\,:'
_OPENING, _CLOSING = b"{[", b"}]"


class Fields:
    """Feed it the body piece by piece, then ask for `values`."""

    def __init__(self, wanted: Collection[str]) -> None:
        self._wanted = wanted
        self._depth = 0
        self._steps: float = STEPS
        self._in_string = self._is_escaped = False
        self._is_open = self._is_closed = False
        self._key: str | None = None
        self._keeps = True
        self._buffer = bytearray()
        self._raw: dict[str, bytes] = {}
        self._problem = ""

    def feed(self, piece: bytes) -> None:
        """Take the next bytes; what is wrong with them is said by `values`."""
        at = 0
        self._steps += len(piece) / BYTES_PER_STEP
        while at < len(piece) and not self._problem:
            self._steps -= 1
            if self._steps < 0:
                self._problem = "is no push event: it is nearly all brackets"
            if self._in_string:
                end = self._string(piece, at)
            elif self._depth > 1:
                end = self._nested(piece, at)
            elif self._depth == 1:
                end = self._member(piece, at)
            else:
                end = self._outside(piece, at)
            at = end

    def values(self) -> dict[str, Any]:
        """Return the wanted fields that are there; raises Invalid where the body is no JSON object."""
        if self._problem or not self._is_closed:
            raise Invalid("body", self._problem or "is not JSON: it ends too early")
        try:
            return {key: json.loads(raw) for key, raw in self._raw.items()}
        except ValueError as error:
            raise Invalid("body", f"is not JSON: {error}") from error

    def _outside(self, piece: bytes, at: int) -> int:
        """Before and behind the object there is white space only."""
        rest = piece[at:].lstrip()
        if not rest:
            return len(piece)
        if self._is_open or rest[0] != _OPENING[0]:
            self._problem = "is not a JSON object: send webhooks with content type application/json"
        self._is_open, self._depth = True, 1
        return len(piece) - len(rest) + 1

    def _string(self, piece: bytes, at: int) -> int:
        start, at = at, at + self._is_escaped
        self._is_escaped = False
        found = _STRING_REST.match(piece, at)
        end = found.end() if found else at
        if end < len(piece):
            self._in_string = piece[end] != _QUOTE
            self._is_escaped = piece[end] == _BACKSLASH
            end += 1
        self._keep(piece, start, end)
        return end

    def _nested(self, piece: bytes, at: int) -> int:
        found = _NESTED.match(piece, at)
        end = found.end() if found else at
        if end < len(piece):
            self._in_string = piece[end] == _QUOTE
            self._depth += (piece[end] in _OPENING) - (piece[end] in _CLOSING)
            end += 1
        self._keep(piece, at, end)
        return end

    def _member(self, piece: bytes, at: int) -> int:
        """A key or a value of the object itself."""
        found = _PLAIN.match(piece, at)
        end = found.end() if found else at
        self._keep(piece, at, end)
        if end == len(piece):
            return end
        byte = piece[end]
        if byte in _CLOSING:
            self._end_member()
            self._depth, self._is_closed = 0, True
        elif byte == _COMMA:
            self._end_member()
        elif byte == _COLON and self._key is None:
            self._end_key()
        else:
            self._in_string = byte == _QUOTE
            self._depth += byte in _OPENING
            self._keep(piece, end, end + 1)
        return end + 1

    def _end_key(self) -> None:
        try:
            key = json.loads(self._buffer)
        except ValueError:
            self._problem = "is not JSON: a key cannot be read"
            return
        self._key = str(key)
        self._keeps = self._key in self._wanted
        self._buffer.clear()

    def _end_member(self) -> None:
        if self._key is not None and self._keeps:
            self._raw[self._key] = bytes(self._buffer)
        self._key, self._keeps = None, True
        self._buffer.clear()

    def _keep(self, piece: bytes, start: int, end: int) -> None:
        if self._keeps:
            self._buffer += piece[start:end]
            if len(self._buffer) + sum(map(len, self._raw.values())) > KEPT_BYTES:
                self._problem = f"is no push event: its description takes more than {KEPT_BYTES} bytes"
                self._buffer.clear()
