"""A client that sends requests at a steady rate while the story goes on, counts failures and notes what it was told.

In:  an address, a Host header, a rate. Out: how many requests were sent, how many failed and why, and when each
message was first read.
The loop is open: a request goes out when its time has come, whether or not the one before was answered, as users do.
Trade-off: a request that waits longer than `TIMEOUT_S` counts as failed, since nobody waits longer for a page.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import aiohttp

RATE_PER_S = 20.0
TIMEOUT_S = 5.0
MOST_AT_ONCE = 200
"""With more requests than this unanswered the next ones fail at once, so that a dead service costs no memory."""
SETTLED = 20
"""So many answers in a row that agree mean that the change has reached every instance."""


@dataclass(frozen=True)
class Target:
    """Where requests go. `host` is the Host header, so that no name has to resolve."""

    url: str
    host: str


@dataclass(frozen=True)
class Answer:
    """One request's end; `status` 0: no answer, and `text` says why."""

    status: int
    text: str

    @property
    def failed(self) -> bool:
        """Whether a user would call it a failure: no answer, an error of the server, or no such service."""
        return not 200 <= self.status < 400

    @property
    def message(self) -> str:
        """The `message` of a JSON answer; empty when there is none."""
        try:
            body = json.loads(self.text)
        except ValueError:
            return ""
        return str(body.get("message", "")) if isinstance(body, dict) else ""


@dataclass
class Tally:
    """What was counted."""

    sent: int = 0
    failed: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: Tally) -> Tally:
        """Return both together."""
        return Tally(self.sent + other.sent, self.failed + other.failed, self.reasons + other.reasons)


async def ask(session: aiohttp.ClientSession, target: Target) -> Answer:
    """Send one request; never raises for what a network or a server can do."""
    try:
        async with session.get(target.url, headers={"Host": target.host}, allow_redirects=False) as response:
            return Answer(response.status, await response.text())
    except TimeoutError:
        return Answer(0, f"no answer within {TIMEOUT_S:.0f} s")
    except aiohttp.ClientError as error:
        return Answer(0, f"{type(error).__name__}: {error}")


class Traffic:
    """Send requests from a thread of its own between `with` and its end."""

    def __init__(self, target: Target, rate_per_s: float = RATE_PER_S) -> None:
        self._target = target
        self._rate = rate_per_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._send()), name="traffic", daemon=True)
        self._heard = threading.Condition()
        """Guards what follows; notified with every answer."""
        self._tally = Tally()
        self._first_read: dict[str, float] = {}
        self._latest: deque[str] = deque(maxlen=SETTLED)
        self._good_in_a_row = 0

    def __enter__(self) -> Self:
        """Begin to send."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, once what was sent is answered or has run out of time."""
        self._stop.set()
        self._thread.join(TIMEOUT_S * 2)

    def tally(self) -> Tally:
        """Return the counts so far."""
        with self._heard:
            return Tally(self._tally.sent, self._tally.failed, Counter(self._tally.reasons))

    def wait_until_answered(self, timeout_s: float) -> bool:
        """Wait until the service has answered so often in a row that it can be called up."""
        with self._heard:
            return self._heard.wait_for(lambda: self._good_in_a_row >= SETTLED, timeout_s)

    def wait_until_read(self, message: str, timeout_s: float) -> float | None:
        """Wait for the first answer with `message`; the moment it came (monotonic clock), or None."""
        with self._heard:
            self._heard.wait_for(lambda: message in self._first_read, timeout_s)
            return self._first_read.get(message)

    def wait_until_settled(self, message: str, timeout_s: float) -> bool:
        """Wait until the last answers all carry `message`: no instance tells anything else any more."""
        with self._heard:
            return self._heard.wait_for(lambda: self._latest.count(message) == SETTLED, timeout_s)

    def current(self) -> str:
        """Return the message of the newest answer."""
        with self._heard:
            return self._latest[-1] if self._latest else ""

    def forget(self, message: str) -> None:
        """Take `message` as never read, so that its return can be waited for."""
        with self._heard:
            self._first_read.pop(message, None)

    def _note(self, answer: Answer) -> None:
        with self._heard:
            self._latest.append(answer.message)
            self._first_read.setdefault(answer.message, time.monotonic())
            self._good_in_a_row = 0 if answer.failed else self._good_in_a_row + 1
            if answer.failed:
                self._tally.failed += 1
                self._tally.reasons[f"HTTP {answer.status}" if answer.status else answer.text] += 1
            self._heard.notify_all()

    async def _send(self) -> None:
        pending: set[asyncio.Task[None]] = set()
        started = time.monotonic()
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)) as session:
            while not self._stop.is_set():
                with self._heard:
                    due = started + self._tally.sent / self._rate
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                with self._heard:
                    self._tally.sent += 1
                if len(pending) >= MOST_AT_ONCE:
                    self._note(Answer(0, f"{MOST_AT_ONCE} requests without an answer"))
                    continue
                task = asyncio.create_task(self._one(session))
                pending.add(task)
                task.add_done_callback(pending.discard)
            await asyncio.gather(*pending)

    async def _one(self, session: aiohttp.ClientSession) -> None:
        self._note(await ask(session, self._target))
