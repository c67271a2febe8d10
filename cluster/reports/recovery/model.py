"""What a failure costs, as values.

In:  losses and steps as the scenarios find them.
Out: RPO, the data that is lost, in seconds before the failure; RTO, the time until everything works, in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

from cluster.reports.recovery.times import TIMES


@dataclass(frozen=True, slots=True)
class Loss:
    """What is missing afterwards from one store."""

    store: str
    """Key of the resource."""
    seconds: float | None
    """Of the last data; None: all of it."""
    why: str


@dataclass(frozen=True, slots=True)
class Step:
    """Something that takes time. Steps of one track follow one another; tracks run side by side."""

    track: str
    what: str
    seconds: float
    why: str
    """The resource or the source that decides it."""
    assumed: bool = False

    @classmethod
    def of(cls, track: str, what: str, time: str, because: str = "") -> Step:
        """Return a step that takes what `TIMES` says."""
        found = TIMES[time]
        return cls(track, what, found.seconds, f"{because}: {found.source}" if because else found.source, found.assumed)


@dataclass(frozen=True, slots=True)
class Drill:
    """How a failure is practised."""

    commands: tuple[str, ...]
    expect: str
    needs_account: bool = True
    """Whether it needs what runs in AWS; else the local cluster does."""


@dataclass(frozen=True)
class Scenario:
    """One failure of one environment."""

    name: str
    says: str
    losses: tuple[Loss, ...]
    steps: tuple[Step, ...]
    drill: Drill
    gaps: tuple[str, ...] = ()
    """What is lost or not covered beside."""
    defects: tuple[str, ...] = ()
    """What the program sets out to cover, and does not: to be mended."""

    @property
    def rpo_s(self) -> float | None:
        """Seconds of data that are lost at most, of the store that loses most; None: everything in one of them."""
        worst = 0.0
        for loss in self.losses:
            if loss.seconds is None:
                return None
            worst = max(worst, loss.seconds)
        return worst

    @property
    def rto_s(self) -> float:
        """Seconds until everything works: the longest track."""
        return max(self.tracks().values(), default=0.0)

    def tracks(self) -> dict[str, float]:
        """Return how long each track takes."""
        sums: dict[str, float] = {}
        for step in self.steps:
            sums[step.track] = sums.get(step.track, 0.0) + step.seconds
        return sums

    @property
    def assumed_s(self) -> float:
        """Seconds of the longest track that no source gives."""
        tracks = self.tracks()
        longest = max(tracks, key=lambda name: tracks[name], default="")
        return sum(step.seconds for step in self.steps if step.track == longest and step.assumed)


def duration(seconds: float | None) -> str:
    """Return seconds as people say them: `90 s`, `5 min`, `4 h`; `everything` for None."""
    if seconds is None:
        return "everything"
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{round(seconds / size, 1):g} {unit}"
    return f"{seconds:g} s"
