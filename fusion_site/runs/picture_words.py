"""What a run says of the pictures that it was asked with."""

from __future__ import annotations

from fusion_site.pages.figures import count
from fusion_site.runs.state import RunState


def unseen_line(state: RunState) -> str:
    """Say in a sentence who was not shown the pictures; nothing where there are none, or all were."""
    if not state.pictures or not state.unseen_by:
        return ""
    names: dict[int | None, str] = {a.member: a.label for a in state.answers.values()}
    names[None] = "the judge"
    *first, last = [names[each] for each in state.unseen_by if each in names]
    who = f"{', '.join(first)} and {last}" if first else last
    them = "the picture" if len(state.pictures) == 1 else "the pictures"
    return f"Not shown {them}: {who}."


def picture_lines(state: RunState) -> list[str]:
    """Give a line of markdown for each picture: its name and its size, and who was not shown them."""
    lines = [
        f"- {' '.join(each['name'].split())} ({count(each['width'])} by {count(each['height'])} pixels)"
        for each in state.pictures
    ]
    unseen = unseen_line(state)
    return ["\n".join(lines), *([unseen] if unseen else [])] if lines else []
