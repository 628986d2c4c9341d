"""The page that shows programs' authors what the doors take and give, drawn from the OpenAPI document itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from fusion_site.api.doors import api
from fusion_site.api.refusals import KINDS

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Value:
    """One parameter or field: its name, its type in words, and what there is to say about it."""

    name: str
    type: str
    required: bool
    words: str


@dataclass(frozen=True)
class Operation:
    """One door: how it is called, what it takes, and by status which shape it gives, and what else that may be."""

    method: str
    path: str
    tag: str
    summary: str
    words: str
    parameters: list[Value]
    body: str
    answers: list[tuple[str, str, str]]


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """Show every door, and every shape that bodies have."""
    document: Json = api.get_openapi_schema()
    operations = _operations(document["paths"])
    context = {
        "tags": [(tag, [each for each in operations if each.tag == tag]) for tag in _once(operations)],
        "shapes": [
            (name, _fields(shape)) for name, shape in sorted(document["components"]["schemas"].items())
        ],
        "kinds": [(status, kind.value) for status, kind in KINDS.items()],
        "base": request.build_absolute_uri("/api/v1"),
    }
    return render(request, "api/docs.html", context)


def _once(operations: Iterable[Operation]) -> list[str]:
    return list(dict.fromkeys(operation.tag for operation in operations))


def _operations(paths: Json) -> list[Operation]:
    return [
        _operation(path, method, operation)
        for path, methods in paths.items()
        for method, operation in methods.items()
    ]


def _operation(path: str, method: str, operation: Json) -> Operation:
    parameters = [
        Value(
            each["name"],
            type_of(each["schema"]),
            each.get("required", False),
            _unmarked(each["schema"]),
        )
        for each in operation.get("parameters", [])
        if each["in"] != "path"
    ]
    answers = [
        (str(status), *_content(answer).partition(" ")[::2])
        for status, answer in operation["responses"].items()
        if status != "default"
    ]
    return Operation(
        method=method.upper(),
        path=path,
        tag=operation.get("tags", ["other"])[0],
        summary=operation["summary"],
        words=_unmarked(operation),
        parameters=parameters,
        body=_content(operation.get("requestBody", {})),
        answers=answers,
    )


def _content(holder: Json) -> str:
    """Give the name of the shape of a body, or nothing where there is none."""
    schemas = [each.get("schema", {}) for each in holder.get("content", {}).values()]
    return type_of(schemas[0]) if schemas else ""


def _fields(shape: Json) -> list[Value]:
    needed = shape.get("required", [])
    return [
        Value(name, type_of(schema), name in needed, _unmarked(schema))
        for name, schema in shape.get("properties", {}).items()
    ]


def _unmarked(described: Json) -> str:
    """Give a description without the backticks that mark names in it for readers of the document."""
    return str(described.get("description", "")).replace("`", "")


def type_of(schema: Json) -> str:
    """Give a JSON schema's type in words: `string`, `list of MemberGiven`, `one of merge, debate, or null`."""
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(type_of(each) for each in schema["anyOf"]))
    if "enum" in schema:
        return f"one of {', '.join(schema['enum'])}"
    if schema.get("type") == "array":
        return f"list of {type_of(schema.get('items', {}))}"
    if schema.get("format") == "date-time":
        return "date and time"
    return str(schema.get("type", "any"))
