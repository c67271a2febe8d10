"""The story in miniature: that it is checked and not assumed, and that it can be told again and again."""

import subprocess
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from amx.demo import releases, steps, story
from amx.demo.checkout import Checkout, replace_value
from amx.demo.scene import Scene
from amx.demo.story import STORY, Result, Told, perform
from amx.demo.traffic import Tally, Target, Traffic
from cluster.local.errors import MachineError
from cluster.local.progress import Progress

if TYPE_CHECKING:
    from tests.unit.amx.conftest import World

NAMES = [step.name for step in STORY]


@dataclass
class Notes:
    """A narrator that writes down."""

    lines: list[str] = field(default_factory=list)

    def chapter(self, number: int, title: str, explanation: str) -> None:
        self.lines.append(title)

    def command(self, text: str) -> None:
        self.lines.append(text)

    def line(self, text: str) -> None:
        self.lines.append(text)

    def done(self, text: str, *, ok: bool) -> None:
        self.lines.append(text)


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LIVE_TIMEOUT_S", "SETTLE_TIMEOUT_S"):
        monkeypatch.setattr(steps, name, 10.0)
    monkeypatch.setattr(steps, "HEAL_TIMEOUT_S", 6.0)
    monkeypatch.setattr(releases, "RELEASE_TIMEOUT_S", 10.0)
    monkeypatch.setattr(releases, "SETTLE_TIMEOUT_S", 5.0)


def tell(world: "World", address: str, run: str, notes: Notes | None = None) -> Result:
    with Traffic(Target(address, "hub-dev.localhost"), rate_per_s=50) as traffic:
        assert traffic.wait_until_answered(10)
        checkout = Checkout(world.clone(f"clone-{run}"))
        production = Target(address, "hub-prod.localhost")
        scene = Scene(checkout, traffic, notes or Notes(), (str(world.kubectl),), production, run)
        told = perform(scene)
        return Result(tuple(told), scene.tally(), scene.meant)


def test_every_step_is_told_and_no_request_fails(world: "World", address: str) -> None:
    notes = Notes()
    result = tell(world, address, "a1", notes)
    assert [(step.name, step.ok) for step in result.steps] == [(name, True) for name in NAMES]
    assert result.ok
    assert result.requests.sent > 20
    assert any(line.startswith("remote: gitops  hub-dev  rendered 7") for line in notes.lines), "receipts are shown"


def test_releases_are_shown_turn_by_turn_and_git_says_what_runs(world: "World", address: str) -> None:
    notes = Notes()
    result = tell(world, address, "a1", notes)
    chart = [line.split() for line in notes.lines if "% of answers new" in line]
    good, bad = chart[: (end := [line[2] for line in chart].index("Succeeded") + 1)], chart[end:]
    assert [(line[2], line[3]) for line in good] == [
        ("Preparing", "0"), ("Shifting", "0"), ("Analysing", "20"), ("Promoting", "100"), ("Succeeded", "100"),
    ]  # fmt: skip
    assert [(line[2], line[3]) for line in bad] == [
        ("Preparing", "0"), ("Shifting", "0"), ("Analysing", "20"), ("RollingBack", "0"), ("RolledBack", "0"),
    ]  # fmt: skip
    assert result.meant > 0, "the bad release's failures are counted apart"
    assert any("failed Canary hub-prod/hub-api: rolled back" in line for line in notes.lines)
    assert "HUB_MESSAGE: Better (a1)\n    HUB_ERROR_RATE: 0\n" in world.values(releases.VALUES)


def test_told_again_it_ends_as_before_whatever_the_user_did_meanwhile(world: "World", address: str) -> None:
    tell(world, address, "a1")
    first = world.values()
    mine = world.clone("mine")
    values = mine / steps.VALUES
    values.write_text(values.read_text().replace("# how many", "# how many, by hand"))
    identity = ("-c", "user.name=me", "-c", "user.email=me@example.invalid")
    for command in ([*identity, "commit", "--quiet", "-am", "Mine"], ["push", "--quiet", "origin", "HEAD:main"]):
        subprocess.run(["git", *command], cwd=mine, check=True, capture_output=True)
    assert tell(world, address, "b2").ok
    assert world.values() == first.replace("a1", "b2").replace("# how many", "# how many, by hand")


def test_after_a_story_that_broke_off_the_next_one_begins_from_good_values(world: "World", address: str) -> None:
    checkout = Checkout(world.clone("broken"))
    broken = replace_value((checkout.directory / steps.VALUES).read_text(), "replicas", "three")
    checkout.commit(steps.VALUES, broken, "three replicas, in words")
    checkout.push(lambda line: None)
    assert tell(world, address, "b2").ok


@pytest.mark.parametrize(
    ("switch", "failing", "why"),
    [
        pytest.param("silent", "first-push", "the receipt does not say that hub-dev was applied", id="no receipt"),
        pytest.param("gullible", "broken", "the receipt does not say that hub-dev failed", id="a broken push is taken"),
        pytest.param("unsure", "release", "it did not become Succeeded but stayed Held", id="a release waits"),
        pytest.param("dropping", "release", "requests failed: {'HTTP 502'", id="a release fails requests"),
        pytest.param("careless", "bad-release", "it did not become RolledBack", id="a bad release is promoted"),
        pytest.param("mute", "bad-release", "the receipt does not say that hub-prod is failed", id="nobody is told"),
    ],
)
def test_a_step_that_did_not_do_what_it_says_ends_the_story(
    switch: str, failing: str, why: str, world: "World", address: str
) -> None:
    world.set(switch)
    result = tell(world, address, "a1")
    assert not result.ok
    assert result.steps[-1].name == failing
    assert why in result.steps[-1].says


def test_drift_that_stays_is_seen(world: "World", address: str) -> None:
    world.heals = False
    result = tell(world, address, "a1")
    assert [step.ok for step in result.steps] == [True, True, False]
    assert "was not corrected" in result.steps[-1].says


def test_one_failed_request_is_a_failed_story() -> None:
    told = tuple(Told(name, ok=True, seconds=1.0, says="") for name in NAMES)
    assert Result(told, Tally(sent=100)).ok
    assert not Result(told, Tally(sent=100, failed=1, reasons=Counter({"HTTP 502": 1}))).ok


def test_requests_that_fail_are_counted_with_their_reason(world: "World", address: str) -> None:
    with Traffic(Target(address, "hub-dev.localhost"), rate_per_s=50) as traffic:
        assert traffic.wait_until_answered(10)
        world.failing.set()
        with traffic._heard:
            assert traffic._heard.wait_for(lambda: traffic._tally.failed >= 5, 10)
    assert traffic.tally().reasons.keys() == {"HTTP 503"}


def test_waiting_for_the_first_answer_is_seen(
    address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    story._wait_for_service(Target(address, "hub-dev.localhost"), Progress())
    assert "wait until hub-dev.localhost answers …" in capsys.readouterr().err
    monkeypatch.setattr(story, "FIRST_ANSWER_TIMEOUT_S", 0.3)
    with pytest.raises(MachineError, match="does not answer"):
        story._wait_for_service(Target("http://127.0.0.1:9/", "hub-dev.localhost"), Progress(quiet=True))


def test_where_nobody_answers_every_request_fails() -> None:
    with Traffic(Target("http://127.0.0.1:9/", "hub-dev.localhost"), rate_per_s=50) as traffic:
        assert not traffic.wait_until_answered(0.3)
    tally = traffic.tally()
    assert tally.failed == tally.sent > 0


def test_a_value_is_replaced_and_everything_else_stays() -> None:
    text = "api:\n  # how many\n  replicas: 1\nworker:\n  replicas: 2\n"
    assert replace_value(text, "replicas", "three") == text.replace("replicas: 1", "replicas: three")


def test_a_push_that_is_refused_says_why(world: "World", tmp_path: Path) -> None:
    ahead, behind = Checkout(world.clone("ahead")), Checkout(world.clone("behind"))
    for number, checkout in enumerate((ahead, behind)):
        values = replace_value((checkout.directory / steps.VALUES).read_text(), "HUB_MESSAGE", f"number {number}")
        checkout.commit(steps.VALUES, values, "change")
    ahead.push(lambda line: None)
    with pytest.raises(Exception, match="git push failed"):
        behind.push(lambda line: None)
