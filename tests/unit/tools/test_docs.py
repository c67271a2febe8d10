"""What the check of the documentation finds."""

from pathlib import Path

import pytest

from tools.docs import Known, problems, unexplained

KNOWN = Known(targets={"demo"}, commands={"up"}, settings={"AMX_HTTP_PORT"})


@pytest.mark.parametrize(
    ("text", "want"),
    [
        pytest.param("see [there](other.md#its-heading)", [], id="a link that leads somewhere"),
        pytest.param("see [there](gone.md)", ["gone.md leads nowhere"], id="a file that is gone"),
        pytest.param(
            "[x](other.md#nothing)", ["other.md#nothing: other.md has no such heading"], id="a heading that is gone"
        ),
        pytest.param("[web](https://example.org/x)", [], id="the web is not asked"),
        pytest.param("make sure it works", [], id="prose is not a command"),
        pytest.param("`make demo` and `make nonsense`", ["there is no `make nonsense`"], id="make targets"),
        pytest.param("```\namx up\namx nonsense --now\n```", ["there is no `amx nonsense`"], id="amx commands"),
        pytest.param("set AMX_HTTP_PORT or AMX_NONSENSE", ["nothing reads AMX_NONSENSE"], id="settings"),
    ],
)
def test_problems(text: str, want: list[str], tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# Its heading\n")
    page = tmp_path / "page.md"
    page.write_text(text)
    assert list(problems(page, KNOWN)) == want


def test_a_setting_that_no_page_explains_is_named(tmp_path: Path) -> None:
    module = tmp_path / "settings.py"
    module.write_text('"""GITOPS_OLD: known."""\n"""GITOPS_NEW: not yet."""\n"""GITOPS_FAULT: a test switch."""\n')

    assert list(unexplained(module, "| `GITOPS_OLD` | 1 |")) == ["no page explains GITOPS_NEW"]
