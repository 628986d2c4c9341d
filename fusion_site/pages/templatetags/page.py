"""What templates say with `{% load page %}`: icons, links of the site's bar, figures and words."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

from django.http import HttpRequest
from django.template import Context, Library
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from heroicons.templatetags.heroicons import heroicon_mini

from fusion_site.pages import figures, words
from fusion_site.pages.markdown import plain_words

register = Library()

register.filter("duration", figures.duration)
register.filter("money", figures.money)
register.filter("cost", figures.cost)
register.filter("per_million", figures.per_million)
register.filter("percent", figures.percent)
register.filter("count", figures.count)
register.filter("size", figures.size)
register.filter("parameters", figures.parameters)
register.filter("state_word", words.state_word)
register.filter("outcome_word", words.outcome_word)
register.filter("error_word", words.error_word)
register.filter("plain_words", plain_words)


@register.filter
def when(at: datetime) -> str:
    """A point in time in the current time zone, the shorter the nearer."""
    return figures.moment(timezone.localtime(at), timezone.localtime())


@register.filter
def breakable(name: str) -> SafeString:
    """Give a model's id that goes on to the next line after a slash, not in the middle of a word."""
    return format_html_join(mark_safe("/<wbr>"), "{}", ((part,) for part in name.split("/")))


@register.simple_tag
@lru_cache(maxsize=256)
def icon(name: str, size: int = 18) -> SafeString:
    """A decorative heroicon of the mini set, `size` pixels high; what it stands for must be said in words beside it."""
    # The icon comes from the installed package's archive, by a name that stands in a template.
    return mark_safe(heroicon_mini(name, size=size, aria_hidden="true"))  # noqa: S308


@register.simple_tag(takes_context=True)
def nav_link(context: Context, name: str, text: str) -> SafeString:
    """A link of the site's bar to the page called `name`, marked as current on that page and on those below it."""
    address = reverse(name)
    here = _is_here(context.get("request"), address)
    return format_html(
        '<a href="{}"{}>{}</a>', address, mark_safe(' aria-current="page"') if here else "", text
    )


def _is_here(request: HttpRequest | None, address: str) -> bool:
    if request is None:
        return False
    return request.path == address or (address != "/" and request.path.startswith(address))
