"""The errors of the platform, in one small tree.

PlatformError
├── Retry       try again after a while; nothing is wrong with what the user wrote
├── Invalid     the user's input is wrong: names the field and the remedy
├── Blocked     something else must happen first: becomes a condition
├── Conflict    somebody else changed the object meanwhile: observe again
└── ApiError    the Kubernetes API answered with a failure
    ├── NotFound      404
    ├── Forbidden     401, 403
    ├── Gone          410: the resource version is too old, list again
    └── Unavailable   no answer, 429 or 5xx: says nothing about the object
"""

from __future__ import annotations

NOT_SERVED = "NotServed"
"""The reason of a NotFound that says nothing about the object: the API server has no such path."""


class PlatformError(Exception):
    """The root: everything the platform raises on purpose."""


class Retry(PlatformError):
    """Try again after `after_s` seconds."""

    def __init__(self, message: str, after_s: float = 5.0) -> None:
        super().__init__(message)
        self.after_s = after_s


class Invalid(PlatformError):
    """The user's input is wrong; `field` is its path (`spec.source.path`)."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class Blocked(PlatformError):
    """Something else must happen first; `condition` is the condition type to publish."""

    def __init__(self, condition: str, message: str) -> None:
        super().__init__(message)
        self.condition = condition


class Conflict(PlatformError):
    """Somebody else changed the object meanwhile (409): observe again and decide anew."""


class ApiError(PlatformError):
    """The Kubernetes API answered with a failure; `reason` is its machine-readable Status reason."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class NotFound(ApiError):
    """The object or the kind does not exist (404); a kind's reason is NOT_SERVED."""


class Forbidden(ApiError):
    """The caller may not do this (401, 403)."""


class Gone(ApiError):
    """The resource version of a watch is too old (410): list again."""


class Unavailable(ApiError):
    """No answer, 429 or 5xx: it says nothing about the object, so nothing may be concluded from it."""

    retry_after_s: float | None = None
    """How long the server asks to wait, where it said so."""
