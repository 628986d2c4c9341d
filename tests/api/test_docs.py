"""The page about the doors is drawn from the OpenAPI document, and shows all of it."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from fusion_site.api.docs import type_of
from fusion_site.api.doors import api


@pytest.mark.django_db
def test_the_page_shows_every_door_and_every_shape_and_links_to_shapes_that_are_there() -> None:
    page = Client().get("/api/v1/docs")
    assert page.status_code == 200
    html = page.content.decode()
    document = api.get_openapi_schema()
    for path, methods in document["paths"].items():
        for method in methods:
            assert re.search(rf'{method.upper()}</span> <span class="mono">{re.escape(path)}<', html), (
                method,
                path,
            )
    for name in document["components"]["schemas"]:
        assert f'id="shape_{name}"' in html
    targets = set(re.findall(r'href="#([^"]+)"', html)) - {"main"}
    assert targets
    assert targets <= set(re.findall(r'id="([^"]+)"', html))


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "string"}, "string"),
        ({"$ref": "#/components/schemas/Params"}, "Params"),
        (
            {"anyOf": [{"enum": ["merge", "debate"], "type": "string"}, {"type": "null"}]},
            "one of merge, debate or null",
        ),
        ({"type": "array", "items": {"$ref": "#/x/MemberGiven"}}, "list of MemberGiven"),
        ({"type": "string", "format": "date-time"}, "date and time"),
        ({}, "any"),
    ],
)
def test_types_in_words(schema: dict[str, object], words: str) -> None:
    assert type_of(schema) == words


@pytest.mark.django_db
def test_no_mark_of_markdown_is_left() -> None:
    assert "`" not in Client().get("/api/v1/docs").content.decode()
