"""Two texts beside each other: nothing of either is lost, and only what differs is marked."""

from __future__ import annotations

from fusion_site.runs.pages.comparing import MOST_LINES, Part, compared


def texts(before: str, after: str) -> tuple[str, str]:
    """Give both texts back as the rows hold them."""
    rows = compared(before, after) or []
    sides = ([r.before for r in rows], [r.after for r in rows])
    old, new = ["\n".join("".join(p.text for p in line) for line in s if line is not None) for s in sides]
    return old, new


def marked(before: str, after: str) -> tuple[list[str], list[str]]:
    """Give what is marked on either side."""
    rows = compared(before, after) or []
    old = [p.text for row in rows for p in row.before or () if p.is_other]
    new = [p.text for row in rows for p in row.after or () if p.is_other]
    return old, new


def test_only_the_words_that_differ_are_marked() -> None:
    assert marked("Add it\nin one step.", "Add it\nin two steps.") == (["one", "step"], ["two", "steps"])


def test_lines_that_only_one_has_stand_alone() -> None:
    (same, added) = compared("a", "a\nb") or []
    assert same.is_same
    assert (added.before, added.after) == (None, (Part("b", is_other=True),))


def test_a_line_goes_with_the_one_it_is_most_alike_and_never_with_an_unlike_one() -> None:
    before = "Add the column as nullable.\nThen fill it in small batches."
    after = "Something wholly different.\nAdd the column as nullable now.\nThen fill it in batches."
    rows = compared(before, after) or []
    assert [("" if r.before is None else r.before[0].text[:3], r.after is None) for r in rows] == [
        ("", False),
        ("Add", False),
        ("The", False),
    ]
    assert marked(before, after) == (["small "], ["Something wholly different.", " now"])


def test_nothing_is_lost() -> None:
    before = "# One\n\nthe first  line\n- a\n- b\n"
    after = "# Two\n\na first line, changed\n\n- b\n- c"
    assert texts(before, after) == ("\n".join(before.splitlines()), after)


def test_equal_texts_have_nothing_marked() -> None:
    assert marked("a\n\nb", "a\n\nb") == ([], [])


def test_texts_of_very_many_lines_are_not_compared() -> None:
    assert compared("x\n" * (MOST_LINES + 1), "x") is None
    assert compared("x " * 100_000, "y " * 100_000) is not None
