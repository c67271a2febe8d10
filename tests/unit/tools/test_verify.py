"""How the stages of `make check` and `make test` run: what is shown, what stops the run, what it ends with."""

import io
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from tools import verify
from tools.verify import Result, Stage


def python(name: str, code: str, needs: str = "") -> Stage:
    return Stage(name, ("python", "-c", code), needs)


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(verify, "LOGS", tmp_path)
    return tmp_path


def console() -> Console:
    return Console(record=True, width=120)


def test_side_by_side_all_stages_run_and_only_a_failure_shows_its_output(
    logs: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    stages = [python("bad", "print('why it failed'); raise SystemExit(3)"), python("good", "print('not of interest')")]
    results = list(verify.run_group(stages, console(), stream=False))
    assert {result.stage.name: result.code for result in results} == {"bad": 3, "good": 0}
    shown = capfd.readouterr().out
    assert "why it failed" in shown
    assert "not of interest" not in shown


@pytest.mark.parametrize("terminal", [True, False])
def test_it_is_seen_what_runs_also_where_there_is_no_terminal(logs: Path, *, terminal: bool) -> None:
    out = Console(file=io.StringIO(), record=True, width=120, force_terminal=terminal)
    list(verify.run_group([python("slow", "import time; time.sleep(0.2)")], out, stream=False))
    assert isinstance(out.file, io.StringIO)
    before_its_end = out.file.getvalue().partition("0.")[0]
    assert "slow" in before_its_end.partition("✓")[0]


def test_side_by_side_lines_are_shown_with_their_stage_while_they_are_written(logs: Path) -> None:
    told, out = logs / "told", console()
    waits = f"import pathlib, time\nwhile not pathlib.Path({str(told)!r}).exists():\n    time.sleep(0.01)\nprint('end')"
    stages = [python("talks", "print('[red] line'); print('no end', end='')"), python("waits", waits)]
    results = verify.run_group(stages, out, stream=True)
    assert next(results).stage.name == "talks"
    shown = out.export_text(clear=False)
    assert "talks      [red] line\ntalks      no end\n" in shown
    assert "waits      end" not in shown
    told.touch()
    assert next(results).code == 0
    assert "waits      end\n" in out.export_text()


def test_a_failure_ends_the_run_once_its_group_is_through(
    logs: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(verify, "FIRST", (python("zeroth", ""),))
    monkeypatch.setattr(verify, "CHECK", (python("check", ""),))
    groups = (
        (python("first", ""),),
        (python("bad", "raise SystemExit(3)"), python("beside", "")),
        (python("last", ""),),
    )
    monkeypatch.setattr(verify, "TEST", groups)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    assert verify.main(["test"]) == 1
    summary = capfd.readouterr().out.partition("summary")[2]
    said = {words[1]: " ".join(words[4:]) for line in summary.splitlines() if "s" in (words := line.split())[3:4]}
    assert said == {
        "zeroth": "passed",
        "check": "passed",
        "first": "passed",
        "bad": "failed (exit code 3)",
        "beside": "passed",
        "last": "not run: an earlier stage failed",
    }


def test_a_stage_with_nothing_to_do_is_named_and_does_not_fail() -> None:
    [result] = verify.run_group([python("charts", "", needs="no/such/folder")], console(), stream=True)
    assert (result.code, result.note) == (None, "there is no no/such/folder")


@pytest.mark.parametrize(
    ("codes", "planned", "want"),
    [
        pytest.param([0, 0], 2, 0, id="all passed"),
        pytest.param([0, 1], 2, 1, id="one failed"),
        pytest.param([0], 2, 1, id="one was never reached"),
        pytest.param([0, None], 2, 0, id="one had nothing to do"),
    ],
)
def test_summary(codes: list[int | None], planned: int, want: int) -> None:
    stages = [python(f"stage-{number}", "") for number in range(planned)]
    out = console()
    results = [Result(stage, code) for stage, code in zip(stages, codes, strict=False)]
    assert verify.summarise(results, stages, out) == want
    text = out.export_text()
    assert all(stage.name in text for stage in stages)


def test_the_summary_names_the_tests_that_failed(logs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tests"
    folder.mkdir()
    (folder / "test_it.py").write_text(
        "import pytest\n"
        "def test_good(): pass\n"
        "def test_bad(): assert 1 == 2, 'one is [not] two'\n"
        "@pytest.fixture\n"
        "def broken(): raise OSError('no engine')\n"
        "def test_never(broken): pass\n"
    )
    stage = verify.pytest("some", [str(folder)], "-q", "-p", "no:cacheprovider")
    out = console()
    results = list(verify.run_group([stage], out, stream=False))
    assert verify.summarise(results, [stage], out) == 1
    summary = out.export_text().partition("summary")[2]
    assert "test_it::test_bad - AssertionError: one is [not] two" in summary
    assert "test_it::test_never - " in summary
    assert "no engine" in summary
    assert "test_good" not in summary


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_stage_may_put_away_what_it_started(number: signal.Signals, tmp_path: Path) -> None:
    done = tmp_path / "put-away"
    stage = (
        "import pathlib, time\n"
        "try:\n    print('begun', flush=True); time.sleep(60)\n"
        f"except KeyboardInterrupt:\n    time.sleep(0.3); pathlib.Path({str(done)!r}).touch()\n"
    )
    program = (
        "from tools import verify\n"
        "from tools.verify import Stage\n"
        f"verify.FIRST, verify.CHECK, verify.TEST = (), (), ((Stage('slow', ('python', '-c', {stage!r})),),)\n"
        "raise SystemExit(verify.main(['test']))\n"
    )
    runner = subprocess.Popen([sys.executable, "-c", program], cwd=verify.ROOT, stdout=subprocess.PIPE, text=True)
    with runner:
        assert runner.stdout is not None
        while "begun" not in runner.stdout.readline():
            time.sleep(0.01)
        runner.send_signal(number)
        rest = runner.stdout.read()
    assert done.exists()
    assert runner.returncode == 130
    assert "starts again" in rest


def test_unknown_stages_are_a_wrong_usage() -> None:
    assert verify.main(["check", "no-such-stage"]) == 2
