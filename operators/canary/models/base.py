"""The common base of the Canary's models: camelCase on the wire, durations as Go writes them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema
from pydantic.alias_generators import to_camel

_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|h|m|s)")
_UNIT_S = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
DURATION_PATTERN = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"


class Model(BaseModel):
    """A part of a Canary. An unknown field is an error: a misspelt safety setting must not be ignored."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, alias_generator=to_camel, populate_by_name=True
    )

    def but(self, **changes: Any) -> Self:
        """Return a copy with these fields changed (no validation: for values made by own code)."""
        return self.model_copy(update=changes)


def cel(*rules: tuple[str, str]) -> dict[str, Any]:
    """Rules (CEL) that the API server refuses an object by, each with what it tells, as `json_schema_extra`."""
    return {"x-kubernetes-validations": [{"rule": rule, "message": message} for rule, message in rules]}


def parse_duration(value: Any) -> Any:
    """Read `90s`, `1m30s`; anything that is no string goes on to pydantic. Raises ValueError for a wrong one."""
    if not isinstance(value, str):
        return value
    if not re.match(DURATION_PATTERN, value):
        raise ValueError(f"{value!r} is no duration: write 30s, 5m or 1h30m")
    return timedelta(seconds=sum(float(number) * _UNIT_S[unit] for number, unit in _PART.findall(value)))


def format_duration(value: timedelta) -> str:
    """Write a duration as Go does, without what is zero; whole milliseconds."""
    milliseconds = round(value.total_seconds() * 1000)
    written = ""
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, milliseconds = divmod(milliseconds, size)
        written += f"{count}{unit}" if count else ""
    return written or "0s"


def format_time(moment: datetime) -> str:
    """Write a time as metav1.MicroTime: RFC 3339 in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN}),
]
"""`30s`, `5m`, `1h30m`."""

Time = Annotated[datetime, PlainSerializer(format_time)]
"""A moment, to the microsecond: evidence is ordered by it."""
