"""A page as a browser has it after some frames: htmx's swaps by id and by last child, without a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import NoReturn

_VOID = frozenset({"br", "hr", "input", "img", "link", "meta"})
# White space between the children of these is not shown.
_SPACED = frozenset({"div", "ul", "ol", "table", "tbody", "thead", "tr", "blockquote", "article", "section"})


class Element:
    """One element: its tag, attributes and children; a text is a child of its own."""

    def __init__(self, tag: str, attributes: dict[str, str] | None = None) -> None:
        self.tag, self.attributes = tag, attributes or {}
        self.children: list[Element | str] = []

    def elements(self) -> list[Element]:
        """Give the children that are elements."""
        return [child for child in self.children if isinstance(child, Element)]

    def all(self) -> Iterator[Element]:
        """Give this element and all that are inside of it."""
        yield self
        for child in self.elements():
            yield from child.all()

    def text(self) -> str:
        """Give its words."""
        return "".join(child if isinstance(child, str) else child.text() for child in self.children)

    def shown(self) -> str:
        """Give what is seen of it, in one form: white space that is not shown is left out, and rows stand in one body."""
        inner = "".join(child if isinstance(child, str) else child.shown() for child in self._seen())
        inner = inner.replace("</tbody><tbody>", "").replace("<tbody></tbody>", "")
        attributes = "".join(f" {name}={value!r}" for name, value in sorted(self.attributes.items()))
        return f"<{self.tag}{attributes}>{inner}</{self.tag}>"

    def _seen(self) -> Iterator[Element | str]:
        for child in self.children:
            if isinstance(child, Element) or child.strip() or self.tag not in _SPACED:
                yield child


class _Reader(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.open = [Element("")]
        self.feed(html)
        self.close()
        assert len(self.open) == 1, f"not closed: {[each.tag for each in self.open]}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            assert self.open.pop().tag == tag, tag

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def read(html: str) -> Element:
    """Give an element without a tag that holds what the HTML says."""
    return _Reader(html).open[0]


class Page:
    """A page that takes frames as htmx does."""

    def __init__(self, html: str = "") -> None:
        self.root = read(html)

    def take(self, frame: str) -> None:
        """Put every piece of a frame in its place; a whole state of the run replaces the page."""
        for piece in read(frame).elements():
            how = piece.attributes.pop("hx-swap-oob", "true")
            if piece.attributes.get("id") == "run":
                self.root.children = [piece]
            elif ":" in how:
                self._swap(how, piece)
            elif target := self.find(piece.attributes["id"]):
                target.attributes, target.children = piece.attributes, piece.children

    def find(self, name: str) -> Element | None:
        """Give the element with an id."""
        return next((each for each in self.root.all() if each.attributes.get("id") == name), None)

    def _swap(self, how: str, piece: Element) -> None:
        how, _, selector = how.partition(":")
        match = re.fullmatch(r"#([\w-]+)((?:>:last-child)*)", selector)
        assert match is not None, selector
        parent, target = None, self.find(match[1])
        assert target is not None, selector
        for _ in range(match[2].count(">")):
            parent, target = target, target.elements()[-1]
        if how == "beforeend":
            target.children += piece.children
        elif how == "innerHTML":
            target.children = piece.children
        elif how == "delete" and parent is not None:
            parent.children.remove(target)
        else:
            _refuse(how, selector)


def _refuse(how: str, selector: str) -> NoReturn:
    raise AssertionError(f"nobody swaps {how} at {selector}")
