"""Failures nobody foresaw, told without a word of what was worked on: it may be the data of a Secret.

In: any exception. Out: a `Trouble` with its type and place; the way there goes to the log, without its message.
"""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Literal

from operators.kit.errors import Invalid
from operators.kit.logging import get_logger

from .seen import Trouble

log = get_logger("gitops")


def trouble(condition: Literal["ComparisonError", "DeletionError"], error: Exception) -> Trouble:
    """Return what to publish of a failure while looking."""
    if isinstance(error, Invalid):
        return Trouble("InvalidSpecError" if error.field.startswith("spec.") else condition, str(error))
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "an unknown place"
    name = type(error).__name__
    note("mishap", error)
    return Trouble(condition, f"looking at it failed with {name} at {place} of the engine; its log has the way there")


def note(event: str, error: Exception, **about: object) -> None:
    """Write an error's type and the way to it to the log.

    In place of `exc_info`: a console would print local variables, and with them the data of Secrets.
    """
    way = "".join(traceback.format_tb(error.__traceback__))
    log.error(event, **about, error=type(error).__name__, trace=way)
