"""How a growing receipt is shown: in one place on a terminal, line by line in a log."""

import io

from rich.console import Console

from amx.demo.narrator import Voice

GROWING = [
    "gitops  hub-dev  rendered 7",
    "gitops  hub-dev  rendered 7 · applied 0.1 s",
    "gitops  hub-dev  rendered 7 · applied 0.1 s · healthy 2 s",
]


def told(*, terminal: bool) -> str:
    out = io.StringIO()
    voice = Voice(Console(file=out, force_terminal=terminal, width=100, color_system=None))
    for line in GROWING:
        voice.line(line)
    return out.getvalue()


def test_a_log_keeps_every_line() -> None:
    assert told(terminal=False).splitlines() == [f"     {line}" for line in GROWING]


def test_on_a_terminal_a_line_that_grows_stays_where_it_is() -> None:
    text = told(terminal=True)
    assert text.count("\x1b[1A") == 2
    assert text.endswith("healthy 2 s\n")
