"""Assemble the command line and turn errors into one clear line and an exit code.

Exit codes: 0 done · 1 failed · 2 wrong usage · 3 done, but what was looked at is not healthy · 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from amx.commands import access, canary, demo, lifecycle, plan, receipts
from amx.output import FAILED, INTERRUPTED, USAGE

app = typer.Typer(
    name="amx",
    help="AutoMatrix: a platform for services, deployed by git push.",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not healthy, 130 interrupted.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for group in (lifecycle, demo, receipts, canary, access, plan):
    group.add_to(app)


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", envvar="AMX_DEBUG", help="show the traceback of an error")] = False,
) -> None:
    """AutoMatrix: a platform for services, deployed by git push."""
    if debug:
        os.environ["AMX_DEBUG"] = "1"


def main() -> None:
    """Run the command line; never shows a traceback for what the platform raises on purpose."""
    try:
        app(prog_name="amx")
    except KeyboardInterrupt:
        _stop_interrupted()
    except SystemExit as exit_:
        if exit_.code == INTERRUPTED:
            _stop_interrupted()
        raise
    except OSError as error:  # of a file the user named, or a full disk: the system's words and the file say it
        if os.environ.get("AMX_DEBUG"):
            raise
        sys.stderr.write(f"amx: {_words_of(error)}\n")
        raise SystemExit(FAILED) from None
    except Exception as error:
        if os.environ.get("AMX_DEBUG") or not _is_on_purpose(error):
            raise
        sys.stderr.write(f"amx: {error}\n")
        raise SystemExit(USAGE if _is_wrong_usage(error) else FAILED) from None


def _is_wrong_usage(error: Exception) -> bool:
    from cluster.local.errors import WrongSetting

    return isinstance(error, WrongSetting)


def _is_on_purpose(error: Exception) -> bool:
    from cluster.local.errors import MachineError
    from operators.kit.errors import PlatformError

    return isinstance(error, MachineError | PlatformError)


def _words_of(error: OSError) -> str:
    said = error.strerror or str(error) or type(error).__name__
    return f"{said}: {error.filename}" if error.filename else said


def _stop_interrupted() -> None:
    command = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    sys.stderr.write(f"amx: interrupted; `amx {command}` can be called again and continues from what is there\n")
    raise SystemExit(INTERRUPTED) from None


if __name__ == "__main__":
    main()
