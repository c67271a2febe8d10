"""What the environment of the process decides, read once at start."""

from __future__ import annotations

import math
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass


class WrongSetting(ValueError):
    """A variable holds what it cannot mean; the message names it, what it holds and what it takes."""


@dataclass(frozen=True)
class Settings:
    """The settings of both processes; unset variables take these values."""

    message: str = "Hello from the hub"
    version: str = "unreleased"
    environment: str = "local"
    pod: str = "local"
    port: int = 8000
    error_rate: float = 0.0
    """Share of requests (or jobs) that fail on purpose, 0 to 1."""
    latency_s: float = 0.0
    """Seconds that every request (or job) takes longer on purpose."""
    cpu_s: float = 0.0
    """Seconds of a processor that every request costs on purpose: what an autoscaler sees."""
    interval_s: float = 1.0
    """Seconds from the start of one job of the worker to the next."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read HUB_*, PORT, POD_NAME and SERVICE_VERSION; raises WrongSetting."""
        environ = os.environ if environ is None else environ
        return cls(
            message=environ.get("HUB_MESSAGE", cls.message),
            version=environ.get("SERVICE_VERSION", cls.version),
            environment=environ.get("HUB_ENVIRONMENT", cls.environment),
            pod=environ.get("POD_NAME") or socket.gethostname(),
            port=int(_number(environ, "PORT", default=cls.port, low=0, high=65535)),
            error_rate=_number(environ, "HUB_ERROR_RATE", default=cls.error_rate, low=0, high=1),
            latency_s=_number(environ, "HUB_LATENCY_MS", default=cls.latency_s, low=0, high=60_000) / 1000,
            cpu_s=_number(environ, "HUB_CPU_MS", default=cls.cpu_s, low=0, high=1000) / 1000,
            interval_s=_number(environ, "HUB_INTERVAL_S", default=cls.interval_s, low=0.01, high=3600),
        )


def _number(environ: Mapping[str, str], name: str, *, default: float, low: float, high: float) -> float:
    """The variable as a number within low..high."""
    text = environ.get(name, "")
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not low <= number <= high:
        raise WrongSetting(f"{name} takes a number from {low:g} to {high:g}, it holds {text!r}")
    return number
