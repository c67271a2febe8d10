"""A picture as Mermaid: boxes with children are subgraphs."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.reports.diagram.model import Box, Picture

STYLES = {
    "outside": "fill:#f4f4f4,stroke:#888",
    "account": "fill:#fff,stroke:#c0392b,stroke-width:2px,stroke-dasharray:6 4",
    "region": "fill:#fff,stroke:#e67e22,stroke-dasharray:4 3",
    "network": "fill:#f7f3fb,stroke:#8e44ad",
    "public": "fill:#eaf7ea,stroke:#27ae60",
    "private": "fill:#eaf2fb,stroke:#2980b9",
    "isolated": "fill:#f3ecf8,stroke:#6c3483",
    "cluster": "fill:#fff8e6,stroke:#d68910",
}


def mermaid(picture: Picture) -> str:
    """Return the picture as a Mermaid flowchart; ends in a line break."""
    lines = [f"%% {picture.title}", "flowchart LR"]
    for child in picture.root.children:
        lines += _lines(child, 1)
    lines += [f"  {_id(one.source)} {_line(one.says, dashed=one.dashed)} {_id(one.target)}" for one in picture.arrows]
    lines += [
        f"  style {_id(box.id)} {STYLES[box.kind]}" for box in picture.boxes if box.kind in STYLES and box.children
    ]
    return "\n".join(lines) + "\n"


def _line(says: str, *, dashed: bool) -> str:
    shape = "-.->" if dashed else "-->"
    return f'{shape}|"{says}"|' if says else shape


def _lines(box: Box, depth: int) -> Iterator[str]:
    pad = "  " * depth
    if not box.children:
        if box.title:
            yield f'{pad}{_id(box.id)}["{_text(box)}"]'
        return
    if not box.title:  # a row or column: only the drawing needs it
        for child in box.children:
            yield from _lines(child, depth)
        return
    yield f'{pad}subgraph {_id(box.id)}["{_text(box)}"]'
    for child in box.children:
        yield from _lines(child, depth + 1)
    yield f"{pad}end"


def _text(box: Box) -> str:
    return "<br>".join(one.replace('"', "'") for one in (box.title, *box.lines))


def _id(name: str) -> str:
    return name.replace("-", "_")
