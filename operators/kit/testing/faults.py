"""What was asked of the fake API, and the failures a test puts in its way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from operators.kit.kube import Manifest, Ref

WRITES = frozenset({"apply", "create", "replace", "patch", "delete"})


@dataclass(frozen=True)
class Call:
    """One call as it came in: `verb` is the Protocol's method, `ref` has no name for list and watch."""

    verb: str
    ref: Ref
    body: Any = None
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_write(self) -> bool:
        """Whether it was meant to change something; a dry run is not."""
        return self.verb in WRITES and not self.options.get("dry_run")

    def __str__(self) -> str:
        return f"{self.verb} {self.ref}"


@dataclass
class _Fault:
    matches: Callable[[Call], bool]
    error: BaseException
    times: int
    after: bool


class Faults:
    """Failures to raise. `api.faults.add(lambda call: call.verb == "apply", Unavailable(503, "", "down"))`."""

    def __init__(self) -> None:
        self._faults: list[_Fault] = []

    def add(
        self, matches: Callable[[Call], bool], error: BaseException, *, times: int = 10**9, after: bool = False
    ) -> None:
        """Raise `error` from the next `times` matching calls; `after`: once it has taken effect (a lost answer)."""
        self._faults.append(_Fault(matches, error, times, after))

    def clear(self) -> None:
        """Let every call through again."""
        self._faults.clear()

    def check(self, call: Call, *, after: bool = False) -> None:
        """Raise what a test has asked for at this call."""
        for fault in self._faults:
            if fault.after is after and fault.times > 0 and fault.matches(call):
                fault.times -= 1
                raise fault.error


def copy(manifest: Manifest) -> Manifest:
    """Return a deep copy of JSON data."""
    return {key: _copy(value) for key, value in manifest.items()}


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(below) for key, below in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value
