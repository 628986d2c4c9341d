"""The explicit list of HTML and MathML that may reach a page from a model; everything else is taken out."""

from __future__ import annotations

import nh3
from pygments.token import STANDARD_TYPES

from fusion_site.pages.highlight import language_classes

TAGS = """
    a blockquote br code div em h3 h4 h5 h6 hr li ol p pre s span strong table tbody td th thead tr ul
    math menclose mfrac mi mmultiscripts mn mo mover mpadded mphantom mprescripts mroot mrow mspace msqrt mstyle
    msub msubsup msup mtable mtd mtext mtr munder munderover none
"""
ATTRIBUTES = {
    "a": "href title",
    "div": "aria-label role tabindex",
    "ol": "start",
    "pre": "tabindex",
    "math": "display xmlns",
    "menclose": "notation",
    "mfrac": "linethickness",
    "mi": "mathvariant",
    "mn": "mathvariant",
    "mo": "accent fence form largeop lspace mathvariant maxsize minsize movablelimits rspace separator stretchy",
    "mover": "accent",
    "mpadded": "depth height lspace voffset width",
    "mspace": "depth height linebreak width",
    "mstyle": "displaystyle mathsize scriptlevel",
    "mtable": "columnalign columnlines columnspacing displaystyle rowlines rowspacing",
    "mtd": "columnalign",
    "mtext": "mathvariant",
    "munder": "accentunder",
    "munderover": "accent accentunder",
}
_ALIGNED = {"align-left", "align-center", "align-right"}


def _absolute_only(tag: str, name: str, value: str) -> str | None:
    if name == "href" and not value.lower().startswith(("http://", "https://", "mailto:")):
        return None
    return value


_CLEANER = nh3.Cleaner(
    tags=set(TAGS.split()),
    clean_content_tags={"script", "style"},
    attributes={tag: set(names.split()) for tag, names in ATTRIBUTES.items()},
    attribute_filter=_absolute_only,
    allowed_classes={
        "span": {name for name in STANDARD_TYPES.values() if name},
        "code": language_classes(),
        "pre": {"code", "plain", "source"},
        "div": {"table"},
        "th": _ALIGNED,
        "td": _ALIGNED,
    },
    url_schemes={"http", "https", "mailto"},
    link_rel="noopener noreferrer nofollow",
)


def clean(html: str) -> str:
    """`html` with nothing left in it but the allowed elements, attributes, classes and absolute links."""
    return _CLEANER.clean(html)
