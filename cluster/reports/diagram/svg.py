"""A picture as SVG: boxes laid out by their contents, arrows over them. Measures are pixels.

In:  a picture. Out: SVG with the fonts that the viewer has; text is measured by a mean width, so that nothing has to
     be installed and the same picture is always the same file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from xml.sax.saxutils import escape

from cluster.reports.diagram.model import Arrow, Box, Picture

PAD, GAP = 10, 10
TITLE, LINE = 18, 15
"""Height of a title and of a line of text."""
LETTER, BOLD = 6.6, 8.0
"""Mean width of a letter of 11.5 px, and of a bold one of 12.5."""
MARGIN = 24
BESIDE = 2 / 3
"""Where an arrow downwards is, and on a long one its label: beside the names of zones, which are at thirds."""
FAR = 150
FILLS = {
    "outside": ("#f5f5f5", "#888888", ""),
    "account": ("#ffffff", "#c0392b", "7 4"),
    "region": ("#fffdfa", "#e67e22", "3 3"),
    "network": ("#faf7fd", "#8e44ad", ""),
    "public": ("#e9f7ec", "#27ae60", ""),
    "private": ("#e8f1fb", "#2980b9", ""),
    "isolated": ("#f1e9f7", "#6c3483", ""),
    "cluster": ("#fff7e0", "#d68910", ""),
    "group": ("none", "none", ""),
    "thing": ("#ffffff", "#555555", ""),
}
"""Fill, line and dashes of each kind."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A box with its place."""

    box: Box
    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> tuple[float, float]:
        """Its centre."""
        return self.x + self.width / 2, self.y + self.height / 2


def svg(picture: Picture) -> str:
    """Return the picture as SVG; ends in a line break."""
    width, height = _size(picture.root)
    top = MARGIN + 26
    placed = {one.box.id: one for one in _place(picture.root, MARGIN, top, width, height)}
    total_width, total_height = width + 2 * MARGIN, height + top + MARGIN
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total_width:.0f} {total_height:.0f}" '
            f'width="{total_width:.0f}" height="{total_height:.0f}" font-family="Helvetica, Arial, sans-serif">'
        ),
        f"<title>{escape(picture.title)}</title>",
        (
            '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
            'orient="auto-start-reverse"><path d="M0 0 L10 5 L0 10 z" fill="#222222"/></marker></defs>'
        ),
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        f'<text x="{MARGIN}" y="{MARGIN + 6}" font-size="18" font-weight="bold">{escape(picture.title)}</text>',
        *(_shape(one) for one in placed.values() if one.box.children),
        *(_way(one, placed[one.source], placed[one.target]) for one in picture.arrows),
        *(_words(one) for one in placed.values() if one.box.children),  # over the arrows, with a rim
        *(_shape(one) + _words(one) for one in placed.values() if not one.box.children),  # hides what passes below
        *(_label(one, placed[one.source], placed[one.target]) for one in picture.arrows if one.says),
        "</svg>",
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _head(box: Box) -> float:
    return (TITLE if box.title else 0) + LINE * len(box.lines)


def _gap(box: Box) -> float:
    return 6 * GAP if box.natural else GAP  # room for arrows between columns


def _pad(box: Box) -> float:
    return 0 if box.kind == "group" and not box.title else PAD


def _size(box: Box) -> tuple[float, float]:
    """Return the least width and height."""
    text = max(len(box.title) * BOLD, *(len(line) * LETTER for line in box.lines), 0)
    pad, head = _pad(box), _head(box)
    if not box.children:
        return text + 2 * pad, head + 2 * pad - (4 if head else 0)
    sizes = [_size(child) for child in box.children]
    gaps = _gap(box) * (len(sizes) - 1)
    if box.across or box.natural:
        inner = max(one for one, _ in sizes) * len(sizes) if box.across else sum(one for one, _ in sizes)
        width, height = inner + gaps, max(tall for _, tall in sizes)
    else:
        width, height = max(one for one, _ in sizes), sum(tall for _, tall in sizes) + gaps
    return max(text, width) + 2 * pad, head + (4 if head else 0) + height + 2 * pad


def _place(box: Box, x: float, y: float, width: float, height: float) -> Iterator[Placed]:
    yield Placed(box, x, y, width, height)
    pad, head = _pad(box), _head(box)
    x, y, width = x + pad, y + pad + head + (4 if head and box.children else 0), width - 2 * pad
    room = height - 2 * pad - head - (4 if head else 0)
    sizes = [_size(child) for child in box.children]
    for child, (needed, tall) in zip(box.children, sizes, strict=True):
        if box.across:
            each = (width - GAP * (len(sizes) - 1)) / len(sizes)
            yield from _place(child, x, y, each, room)
            x += each + GAP
        elif box.natural:
            yield from _place(child, x, y, needed, room if child.kind != "group" or child.title else tall)
            x += needed + _gap(box)
        else:
            spread = _spread(box, room, sizes)
            yield from _place(child, x, y, width, tall + (room - _tall(sizes) if _fills(box, child) else 0))
            y += tall + GAP + spread


def _tall(sizes: list[tuple[float, float]]) -> float:
    return sum(tall for _, tall in sizes) + GAP * (len(sizes) - 1)


def _fills(box: Box, child: Box) -> bool:
    """Whether an only child takes all the room there is."""
    return len(box.children) == 1 and bool(child.children)


def _spread(box: Box, room: float, sizes: list[tuple[float, float]]) -> float:
    """Return the room between children of a column that is taller than they are."""
    several = len(sizes) - 1
    return max(0.0, (room - _tall(sizes)) / several) if several and box.id in ("edge", "outside", "services") else 0.0


def _shape(one: Placed) -> str:
    fill, line, dashes = FILLS[one.box.kind]
    if fill == "none":
        return ""
    dash = f' stroke-dasharray="{dashes}"' if dashes else ""
    wide = "2" if one.box.kind in ("account", "region") else "1.2"
    return (
        f'<rect x="{one.x:.0f}" y="{one.y:.0f}" width="{one.width:.0f}" height="{one.height:.0f}" rx="5" '
        f'fill="{fill}" stroke="{line}" stroke-width="{wide}"{dash}/>\n'
    )


def _words(one: Placed) -> str:
    box = one.box
    fill, line, _ = FILLS[box.kind]
    rim = f'stroke="{fill}" stroke-width="4" paint-order="stroke"' if box.children and fill != "none" else ""
    parts = []
    x, y = one.x + max(_pad(box), 4), one.y + _pad(box) + 11
    if box.title:
        colour = line if line != "none" else "#333333"
        parts.append(_text(x, y, box.title, f'font-size="12.5" font-weight="bold" fill="{colour}" {rim}'.rstrip()))
        y += TITLE
    for text in box.lines:
        parts.append(_text(x, y - 2, text, f'font-size="11.5" fill="#333333" {rim}'.rstrip()))
        y += LINE
    return "\n".join(parts)


def _text(x: float, y: float, text: str, look: str) -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" {look}>{escape(text)}</text>'


def _way(arrow: Arrow, source: Placed, target: Placed) -> str:
    (x1, y1), (x2, y2), _ = _ends(source, target)
    bend = (x1 + x2) / 2
    way = f"M{x1:.0f} {y1:.0f} L{x2:.0f} {y2:.0f}"
    if min(abs(y1 - y2), abs(x1 - x2)) >= 2:
        way = f"M{x1:.0f} {y1:.0f} C{bend:.0f} {y1:.0f} {bend:.0f} {y2:.0f} {x2:.0f} {y2:.0f}"
    dash = ' stroke-dasharray="5 4"' if arrow.dashed else ""
    return f'<path d="{way}" fill="none" stroke="#222222" stroke-width="1.6"{dash} marker-end="url(#tip)"/>'


def _label(arrow: Arrow, source: Placed, target: Placed) -> str:
    *_, (x, y) = _ends(source, target)
    wide = len(arrow.says) * 6 + 6
    behind = f'<rect x="{x - wide / 2:.0f}" y="{y - 9:.0f}" width="{wide:.0f}" height="15" rx="3" fill="#ffffff"/>'
    look = 'font-size="11" font-style="italic" text-anchor="middle" fill="#111111"'
    return behind + _text(x, y + 3, arrow.says, look)


Point = tuple[float, float]


def _ends(source: Placed, target: Placed) -> tuple[Point, Point, Point]:
    """Return where an arrow begins and ends, on the sides that face each other, and where its label is."""
    (sx, sy), (tx, ty) = source.middle, target.middle
    overlap = min(source.x + source.width, target.x + target.width) - max(source.x, target.x)
    if overlap > 0:  # one above the other
        x = max(source.x, target.x) + overlap * BESIDE
        down = ty > sy
        start, end = (source.y + source.height, target.y) if down else (source.y, target.y + target.height)
        along = BESIDE if abs(end - start) > FAR else 0.5
        return (x, start), (x, end), (x, start + (end - start) * along)
    right = tx > sx
    x1, x2 = (source.x + source.width, target.x) if right else (source.x, target.x + target.width)
    return (x1, sy), (x2, ty), ((x1 + x2) / 2, (sy + ty) / 2)
