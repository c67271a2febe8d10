"""The common base of all Application models: Argo CD's camelCase on the wire, unknown fields kept.

Trade-off: `extra="allow"` instead of "forbid", because an Application written for Argo CD must be stored and
returned unchanged here; what is not served is named in a condition instead of being refused (see `unserved`).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer
from pydantic.alias_generators import to_camel


def format_time(moment: datetime) -> str:
    """Write a time as Kubernetes does: RFC 3339 in UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


Time = Annotated[datetime, PlainSerializer(format_time, when_used="always")]
"""metav1.Time."""


def _none_is_empty(value: Any) -> Any:
    return () if value is None else value


class Model(BaseModel):
    """A part of an Application. Unknown fields are in `model_extra` and survive a round trip."""

    model_config = ConfigDict(
        extra="allow", frozen=True, use_attribute_docstrings=True, alias_generator=to_camel, populate_by_name=True
    )

    def wire(self) -> dict[str, Any]:
        """Return the JSON form: camelCase, and only what was set, so that a user's own words come back unchanged."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)

    def but(self, **changes: Any) -> Self:
        """Return a copy with these fields changed (no validation: for values made by own code)."""
        return self.model_copy(update=changes)


Items = BeforeValidator(_none_is_empty)
"""Lists may arrive as null: Go clients write nil slices that way."""
