"""What holds for every template: no style or script of its own in the page, and error pages that need nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.template.loader import render_to_string
from django.test import Client, RequestFactory

TEMPLATES = sorted((Path(settings.BASE_DIR) / "templates").rglob("*.html"))
INLINE = {
    "a style attribute": re.compile(r"<[^>]*\sstyle\s*=", re.DOTALL),
    "a style element": re.compile(r"<style", re.IGNORECASE),
    "a script of its own": re.compile(r"<script(?![^>]*\ssrc=)", re.IGNORECASE),
    "an event attribute": re.compile(r"<[^>]*\son[a-z]+\s*=", re.DOTALL | re.IGNORECASE),
    "an address of another host": re.compile(r"(?:src|href|action)\s*=\s*[\"'](?:https?:)?//"),
}


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(path.parents[1])))
def test_a_template_obeys_the_security_policy(template: Path) -> None:
    source = template.read_text()
    assert [what for what, pattern in INLINE.items() if pattern.search(source)] == []


@pytest.mark.parametrize("code", ["400", "403", "403_csrf", "404", "500"])
def test_an_error_page_needs_neither_request_nor_database(code: str) -> None:
    html = render_to_string(f"{code}.html")
    assert "<h1>" in html
    assert "hx-headers" not in html
    assert "site-nav" not in html


@pytest.mark.parametrize(
    "path",
    ["login/", "signup/", "password/reset/", "password/reset/done/", "password/reset/key/done/", "inactive/"],
)
def test_the_way_in_has_our_frame_and_labels(db: None, path: str) -> None:
    html = Client().get(f"/accounts/{path}").content.decode()
    assert '<main id="main" class="page page-account page-entrance"' in html
    assert html.count("<h1") == 1
    fields = re.findall(r'<input type="(?:text|email|password|checkbox)"[^>]*id="([^"]+)"', html)
    assert all(f'for="{field}"' in html or 'class="choice"' in html for field in fields)


def test_what_is_wrong_with_a_field_stands_beside_it_and_what_was_typed_stays(db: None) -> None:
    html = Client().post("/accounts/signup/", {"email": "no address", "password1": "short"}).content.decode()
    assert 'value="no address"' in html
    assert re.search(r'aria-invalid="true"[^>]*aria-describedby="id_email_error"', html)
    assert 'class="field-error" id="id_email_error"' in html
    assert 'id="id_password1_error"' in html
    assert "short" not in re.sub(r"too short", "", html)


def test_a_stranger_sees_no_navigation() -> None:
    request = RequestFactory().get("/nowhere/")
    request.user = AnonymousUser()
    assert "site-nav" not in render_to_string("404.html", request=request)
