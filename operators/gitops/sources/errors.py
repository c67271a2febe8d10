"""The one error that getting manifests ends in: what is wrong, where, and whether it may pass by itself."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Literal

from operators.kit.errors import PlatformError

Condition = Literal["ComparisonError", "InvalidSpecError"]


class SourceError(PlatformError):
    """Manifests cannot be had: nothing may be concluded about what should exist, so nothing may be deleted.

    `condition` is the Application condition to publish: "InvalidSpecError" where the Application itself must be
    edited, else "ComparisonError". `file` is a path in the repository ("" when unknown) and `line` counts from 1
    (0 when unknown). `transient` tells that the same request may succeed later without anybody editing anything:
    the repository is out of reach, a process was killed.
    Names of files that are not UTF-8 are shown with a sign in place of what is not.
    The text never holds a credential, and of the values only what Helm itself quotes.
    """

    def __init__(
        self,
        message: str,
        *,
        condition: Condition = "ComparisonError",
        file: str = "",
        line: int = 0,
        transient: bool = False,
    ) -> None:
        message, file = _printable(message), _printable(file)
        super().__init__(message)
        self.message = message
        self.condition: Condition = condition
        self.file = file
        self.line = line
        self.transient = transient

    def without(self, values: Iterable[str]) -> SourceError:
        """A copy whose message has these values blotted out."""
        shown = self.again()
        for value in sorted(values, key=len, reverse=True):
            # Helm's complaints are told on one line, and quoted as Go quotes.
            for form in (value, " ".join(value.split()), json.dumps(value)[1:-1]):
                shown.message = shown.message.replace(form, "***") if form else shown.message
        shown.args = (shown.message,)
        return shown

    def again(self) -> SourceError:
        """A copy to raise once more, without the trace of the first time."""
        return SourceError(
            self.message, condition=self.condition, file=self.file, line=self.line, transient=self.transient
        )


def _printable(text: str) -> str:
    return text.encode(errors="surrogatepass").decode(errors="replace") if not text.isascii() else text
