"""Answers that refuse to answer."""

from __future__ import annotations

import re

from fusion_site.engine.closed import final_answer

# A refusal says little else. A longer text that begins with one goes on to say something, and is an answer.
LONGEST = 500

_SORRY = r"(?:(?:I['’]m|I am)(?: very| really| so)? sorry|sorry|I apologi[sz]e|my apologies|unfortunately)"
_CANNOT = r"I(?:\s(?:can['’]?t|cannot|can not|won['’]?t|will not|am not able to|am unable to)|['’]m (?:not able|unable) to)"
_DO = (
    r"(?:help(?: you)? with|assist|comply|fulfill?|engage in|continue with|do that"
    r"|(?:answer|discuss|provide|write|create) (?:that|this|help|assistance|guidance|instructions))"
)
_REFUSAL = re.compile(
    rf"\W*(?:{_SORRY}\W+(?:but\W+)?)?(?:as an? [^.\n]{{0,60}}, )?{_CANNOT} {_DO}\b", re.IGNORECASE
)
_GOES_ON = re.compile(r"\b(?:but|however|instead|although|still|here(?:['’]s| is| are))\b", re.IGNORECASE)


def is_refusal(text: str) -> bool:
    """Whether a text is nothing but a refusal. Cautious, in English alone: an answer taken for one would be lost."""
    text = text.strip()
    found = _REFUSAL.match(text) if len(text) <= LONGEST else None
    if found is None or _GOES_ON.search(text, found.end()):
        return False
    return final_answer(text) is None
