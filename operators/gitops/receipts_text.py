"""What a receipt says: the lines a pusher reads, on the push itself and in `amx receipt`. Pure."""

from __future__ import annotations

from .receipts_model import Entry, Receipt

PREFIX = "gitops"


def receipt_lines(receipt: Receipt) -> list[str]:
    """Every line in full, as `amx receipt` prints them."""
    found = [line for entry in receipt.entries.values() for line in entry_lines(entry)]
    return [*found, *closing_lines(receipt)]


def steps(entry: Entry) -> list[str]:
    """What was done so far, and what is waited for; a failure is not among it."""
    done: list[str] = []
    if entry.rendered:
        count = entry.rendered.objects
        done += [f"rendered {count} object{'' if count == 1 else 's'}", f"{entry.rendered.changed} changed"]
        done += [f"{entry.rendered.removed} removed"] if entry.rendered.removed else []
    if entry.applied_s is not None:
        done.append(f"applied {entry.applied_s:.1f} s")
    if entry.healthy_s is not None:
        done.append(f"healthy {entry.healthy_s:.1f} s")
    if entry.superseded_by:
        done.append(f"superseded by {entry.superseded_by[:12]}")
    if entry.removed:
        done.append("removed")
    if entry.waiting:
        done.append(entry.waiting)
    return done


def entry_lines(entry: Entry) -> list[str]:
    """One line that grows with every stage, and the further lines of a failure.

    `gitops  hub-dev  rendered 7 objects · 2 changed · applied 0.8 s · healthy 3.1 s`
    """
    said = steps(entry)
    more: list[str] = []
    if entry.failed:
        first, *more = entry.failed.message.splitlines() or [""]
        place = f"{entry.failed.file}:{entry.failed.line}" if entry.failed.line else entry.failed.file
        named = not place or first.startswith(f"{place}:")
        said.append(" ".join(["failed", *([] if named else [f"{place}:"]), first]))
        if entry.rendered is None:
            more.append("nothing was applied; the running version stays")
    head = f"{PREFIX}  {entry.application}  "
    return [head + (" · ".join(said) or "waiting for its turn"), *(f"{head}  {line}" for line in more)]


def closing_lines(receipt: Receipt) -> list[str]:
    """What is said of the push as a whole: that it touches nothing, or how many applications it left alone."""
    if receipt.superseded_by and not receipt.entries:
        return [f"{PREFIX}  superseded by {receipt.superseded_by[:12]}"]
    plural = "application" if receipt.unchanged == 1 else "applications"
    if receipt.expected and not receipt.entries:
        return [f"{PREFIX}  no application is touched by this push"]
    return [f"{PREFIX}  {receipt.unchanged} {plural} unchanged"] if receipt.unchanged else []
