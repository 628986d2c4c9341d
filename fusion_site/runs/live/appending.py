"""What is new in a block that is still being written: its newest words or elements alone are sent then, not all of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from django.utils.safestring import SafeString, mark_safe

# Sanitised HTML has no other angle brackets than those of tags.
_TAG = re.compile(r"<(/?)([a-z][a-z0-9]*)[^<>]*>")
_VOID = {"br", "hr", "input"}
# Between these elements' children, white space says nothing.
_SPACED = {"", "blockquote", "div", "ol", "table", "tbody", "thead", "tr", "ul"}
# A browser reads parts of formulas only inside of one, and cells only in a row: these are sent as a whole.
_WHOLE = {"math", "thead", "tr"}
_LAST = ">:last-child"


class Change(NamedTuple):
    """One step on the page: `how` it is swapped, where (a CSS path below the block), and what, in an element `tag`."""

    how: str
    path: str
    html: SafeString
    tag: str = "div"


@dataclass
class _Node:
    """An element, or a text (which has no `tag`), as it is written from `start` to `end`."""

    html: str
    tag: str = ""
    opening: str = ""
    children: list[_Node] = field(default_factory=list)


def changes(before: str, after: str) -> list[Change] | None:
    """Give what makes the one block of sanitised HTML the other, in order; None where all of it has to be sent again.

    Whatever stands before the newest element is left as it is; that one grows, or gives way to what is new.
    """
    old, new = _tree(before), _tree(after)
    if old is None or new is None:
        return None
    return _grown(_Node("", children=old), _Node("", children=new), "")


def _grown(old: _Node, new: _Node, path: str) -> list[Change] | None:
    """Compare two elements with the same opening tag, of which `path` leads to the old one."""
    was, now = _children(old), _children(new)
    pairs = enumerate(zip(was, now, strict=False))
    same = next((n for n, (a, b) in pairs if a.html != b.html), min(len(was), len(now)))
    if same == len(was):
        return _appended(old.tag, path, now[same:])
    if same == len(now):
        return _taken_away(path, was[same:])
    return _last_grown(old.tag, was[same], now[same:], path) if same == len(was) - 1 else None


def _taken_away(path: str, nodes: list[_Node]) -> list[Change] | None:
    """Give what takes an element's last children away: they turned out to be a block of their own."""
    return [_without_last(path)] * len(nodes) if all(node.tag for node in nodes) else None


def _without_last(path: str) -> Change:
    return Change("delete", path + _LAST, SafeString())


def _last_grown(tag: str, last: _Node, now: list[_Node], path: str) -> list[Change] | None:
    """Give how an element's last child becomes the first of those that are there now, and the others follow it."""
    if not last.tag:
        if now[0].tag or not now[0].html.startswith(last.html):
            return None
        return _appended(tag, path, [_Node(now[0].html[len(last.html) :]), *now[1:]])
    if last.opening == now[0].opening and last.tag != "math":
        grown, more = _grown(last, now[0], path + _LAST), _appended(tag, path, now[1:])
        if grown is not None and more is not None:
            return [*grown, *more]
    added = _appended(tag, path, now)
    return None if added is None or not path else [_without_last(path), *added]


def _appended(tag: str, path: str, nodes: list[_Node]) -> list[Change] | None:
    """Give what adds these to an element. Rows stand in a body of their own, since nothing else can be put in a table."""
    html = "".join(node.html for node in nodes)
    if not html:
        return []
    if tag in _WHOLE:
        return None
    if tag == "table":
        return [Change("beforeend", path, _safe(html), "table")]
    if tag == "tbody":
        return [Change("beforeend", path.removesuffix(_LAST), _safe(f"<tbody>{html}</tbody>"), "table")]
    return [Change("beforeend", path, _safe(html))]


def _children(node: _Node) -> list[_Node]:
    if node.tag not in _SPACED:
        return node.children
    return [child for child in node.children if child.tag or child.html.strip()]


def _tree(html: str) -> list[_Node] | None:
    """Give the elements and texts of some HTML; None where its tags do not fit together."""
    root = _Node("")
    opened = [(root, 0)]
    at = 0
    for found in _TAG.finditer(html):
        parent = opened[-1][0]
        parent.children += _text(html[at : found.start()])
        at, is_end, name = found.end(), bool(found[1]), found[2]
        if not is_end:
            node = _Node(found[0], name, found[0])
            parent.children.append(node)
            opened += [] if name in _VOID else [(node, found.start())]
        elif parent.tag == name:
            parent.html = html[opened.pop()[1] : at]
        else:
            return None
    root.children += _text(html[at:])
    return root.children if len(opened) == 1 else None


def _text(html: str) -> Iterator[_Node]:
    if html:
        yield _Node(html)


def _safe(html: str) -> SafeString:
    # Whole elements, or words, of a block that was sanitised.
    return mark_safe(html)  # noqa: S308
