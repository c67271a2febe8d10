"""The rules of Argo Rollouts, Flagger and Kayenta, written from their documented behaviour (August 2026).

In:  ticks. Out: weights and outcomes. Where a user must choose, the choice stands here: an objective of 99 % success,
windows as long as the interval, no data counts as a pass (Flagger: as a failure, which cannot be changed).

- Argo Rollouts 1.10 (docs/features/analysis.md): ten measurements, one a minute, at weight 20; more than `failureLimit`
  failed ones abort; then full weight.
- Flagger 1.44 (docs: usage/how-it-works): a check each minute; a pass raises the weight by 5 up to 50, then promotes; a
  failure halts the weight and is counted for good; the tick after `threshold` failures rolls back.
- Kayenta (NetflixACAJudge): canary and an equal baseline of 10 % each; one point a minute; a two-sided Mann-Whitney
  test with a 98 % interval that must clear 0.25 of the Hodges-Lehmann estimate, and a mean ratio of at least 1; judged
  after 10, 20 and 30 minutes on all points so far.
"""

from __future__ import annotations

import numpy as np

from tests.benchmarks.canary_rules.releases import HORIZON_S, Releases
from tests.benchmarks.canary_rules.traffic import TICK_S, Array, Tick

MINUTE = round(60 / TICK_S)
OBJECTIVE = 0.99


class _Windowed(Releases):
    """Judges once a minute by the requests of that minute."""

    def __init__(self, releases: int, weight: float) -> None:
        super().__init__(releases, weight)
        self._events, self._total = np.zeros(releases), np.zeros(releases)

    def decide(self, tick: Tick) -> None:
        self._events += tick.canary_events
        self._total += tick.canary_total
        if self.ticks % MINUTE == 0:
            self.judge_minute()
            self._events, self._total = np.zeros_like(self._events), np.zeros_like(self._total)

    def judge_minute(self) -> None:
        """Act on the minute's window."""
        raise NotImplementedError

    def _success(self, without_data: float) -> Array:
        return 1 - np.divide(
            self._events, self._total, out=np.full_like(self._total, 1 - without_data), where=self._total > 0
        )


class Argo(_Windowed):
    """Ten measurements at weight 20."""

    def __init__(self, releases: int, failure_limit: int) -> None:
        super().__init__(releases, 0.2)
        self.name = f"Argo Rollouts, failureLimit {failure_limit}"
        self._limit = failure_limit
        self._failed = np.zeros(releases)

    def judge_minute(self) -> None:
        self._failed += self._success(1.0) < OBJECTIVE
        self.roll_back(self._failed > self._limit)
        if self.ticks >= 10 * MINUTE:
            self.promote(self.open)


class Flagger(_Windowed):
    """Weight 5 to 50 in steps of 5."""

    def __init__(self, releases: int, threshold: int) -> None:
        super().__init__(releases, 0.05)
        self.name = f"Flagger, threshold {threshold}"
        self._threshold = threshold
        self._failed = np.zeros(releases)

    def judge_minute(self) -> None:
        self.roll_back(self._failed >= self._threshold)
        failed = self._success(0.0) < OBJECTIVE
        self._failed += failed
        passed = self.open & ~failed
        self.promote(passed & (self.weight >= 0.499))
        self.weight = np.where(self.open & passed, self.weight + 0.05, self.weight)


class Kayenta(Releases):
    """Mann-Whitney over a series of minutes, with a baseline as large as the canary."""

    name = "Kayenta, 3 looks"
    WEIGHT = 0.1
    QUANTILE = 2.3263
    """Of the normal distribution at 99 %, for a two-sided interval of 98 %."""

    def __init__(self, releases: int, seed: int = 0) -> None:
        super().__init__(releases, self.WEIGHT)
        self._random = np.random.default_rng(seed)
        self._minute = np.zeros((4, releases))
        self._series: list[tuple[Array, Array]] = []

    def decide(self, tick: Tick) -> None:
        share = self.WEIGHT / (1 - self.WEIGHT)
        baseline_events = self._random.binomial(tick.stable_events.astype(np.int64), share)
        quiet = self._random.binomial((tick.stable_total - tick.stable_events).astype(np.int64), share)
        self._minute += np.array([tick.canary_events, tick.canary_total, baseline_events, baseline_events + quiet])
        if self.ticks % MINUTE:
            return
        events, total, other_events, other_total = self._minute
        self._series.append((events / np.maximum(total, 1), other_events / np.maximum(other_total, 1)))
        self._minute = np.zeros_like(self._minute)
        if self.ticks % (10 * MINUTE) == 0:
            self.roll_back(self._fails())
        if self.now >= HORIZON_S:
            self.promote(self.open)

    def _fails(self) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        canary = np.array([one for one, _ in self._series]).T
        baseline = np.array([one for _, one in self._series]).T
        points = canary.shape[1]
        shifts = np.sort((canary[:, :, None] - baseline[:, None, :]).reshape(len(canary), -1), axis=1)
        rank = round(points**2 / 2 - self.QUANTILE * np.sqrt(points**2 * (2 * points + 1) / 12))
        low, estimate = shifts[:, max(rank, 1) - 1], np.median(shifts, axis=1)
        return np.asarray((low > 0.25 * np.abs(estimate)) & (canary.mean(axis=1) >= baseline.mean(axis=1)))
