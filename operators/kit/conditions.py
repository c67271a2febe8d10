"""Status conditions as Kubernetes' API conventions and kstatus want them: pure.

`Ready`, `Reconciling` and `Stalled` on every automatrix.dev kind, and each operator's own beside them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Status = Literal["True", "False", "Unknown"]


class Condition(BaseModel):
    """One observation about the object."""

    model_config = ConfigDict(
        frozen=True, alias_generator=to_camel, populate_by_name=True, use_attribute_docstrings=True
    )

    type: str
    """What is observed, in CamelCase."""

    status: Status
    """Whether it holds."""

    reason: str = Field(min_length=1, pattern="^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$")
    """Why, in one CamelCase word for machines."""

    message: str = ""
    """Why, and what to do, for people."""

    last_transition_time: datetime
    """When the status changed last."""

    observed_generation: int | None = None
    """The metadata.generation this was observed at."""


def get_condition(conditions: Iterable[Condition], type_: str) -> Condition:
    """Return the condition, an Unknown one where nothing was observed yet, so that no caller branches on absence."""
    for condition in conditions:
        if condition.type == type_:
            return condition
    epoch = datetime.fromtimestamp(0, UTC)
    return Condition(type=type_, status="Unknown", reason="NotObserved", last_transition_time=epoch)


def set_condition(conditions: Sequence[Condition], new: Condition) -> tuple[Condition, ...]:
    """Put `new` in its type's place; its transition time counts only where the status changes."""
    kept = []
    is_present = False
    for old in conditions:
        if old.type != new.type:
            kept.append(old)
            continue
        is_present = True
        kept.append(
            new.model_copy(update={"last_transition_time": old.last_transition_time})
            if old.status == new.status
            else new
        )
    return (*kept, *(() if is_present else (new,)))


def is_true(conditions: Iterable[Condition], type_: str) -> bool:
    """Whether the condition is known to hold."""
    return get_condition(conditions, type_).status == "True"
