"""The one error of the local side: what is wrong, and the command that mends it.

MachineError
├── WrongSetting    an AMX_* variable holds what cannot be used: wrong usage, nothing of the machine
└── CommandFailed   a program the platform started ended badly; the last lines and the log's path are in it
"""

from __future__ import annotations

from pathlib import Path


class MachineError(Exception):
    """Something about this machine stands in the way; `remedy` is what the user can do about it."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(f"{message} ({remedy})" if remedy else message)
        self.message = message
        self.remedy = remedy


class WrongSetting(MachineError):
    """A setting cannot be used; the message names its variable."""


class CommandFailed(MachineError):
    """A started program ended with a status other than 0; `output` holds the end of what it printed."""

    def __init__(self, title: str, status: int, output: str, log: Path | None = None) -> None:
        self.status = status
        self.output = output
        self.last_line = next((line.strip() for line in reversed(output.splitlines()) if line.strip()), "no output")
        super().__init__(f"{title} failed with status {status}: {self.last_line}", f"see {log}" if log else "")
