"""Trying a chat template on a small conversation before anybody is answered by it.

`python -m fusion_site.compact.files.proving` reads a template and prints what is wrong with it, if anything.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fusion_site.compact.files.confined import confine, run_confined
from fusion_site.compact.files.facts import FileFacts
from fusion_site.compact.files.header import BadFile
from fusion_site.compact.rendering import Refusal, Rendering, RenderingFailed

# By processor time alone an endless template is told from a busy machine; the other limit is for one that stands still.
WITHIN_S = 30.0
CPU_S = 3
MEMORY = 512 * 1024 * 1024
LONGEST = 256 * 1024
# A host that has to does without a turn of the system's: it then stands before the user's own.
ASKED = {"role": "user", "content": "Is the lantern lit?"}
TALK = [
    ASKED,
    {"role": "assistant", "content": "It is, since dusk."},
    {"role": "user", "content": "And the harbour?"},
]
BRIEFED = [{"role": "system", "content": "Answer as the keeper of the lighthouse."}, *TALK]


class BadTemplate(Exception):
    """The template cannot be used; the message says why in one sentence."""


class EndlessTemplate(BadTemplate):
    """The template would hold up the host and everybody who asks it."""


async def prove(source: str) -> None:
    """Try a template in a limited process of its own; raises `BadTemplate`."""
    if len(source) > LONGEST:
        raise BadTemplate(f"It is longer than {LONGEST // 1024} KiB.")
    try:
        ended = await run_confined(__name__, given=source.encode("utf-8", "replace"), within_s=WITHIN_S)
    except TimeoutError:
        raise EndlessTemplate("It does not come to an end.") from None
    if ended.code != 0:
        raise EndlessTemplate("It takes more time or memory than a template may.")
    if fault := ended.printed.decode("utf-8", "replace"):
        raise BadTemplate(fault)


async def warning_of(facts: FileFacts, instead: str) -> str:
    """A sentence if the file's chat template, or the one at the path `instead`, fails; `BadFile` if it cannot be tried."""
    try:
        source = Path(instead).read_text() if instead else facts.template
        if source:
            await prove(source)
    except (OSError, UnicodeDecodeError) as error:
        raise BadFile(f"The chat template {instead} cannot be read: {error}") from error
    except EndlessTemplate as error:
        raise BadFile(f"The chat template of {facts.name} cannot be used. {error}") from error
    except BadTemplate as error:
        return f"Its chat template fails, so asks will be refused until another one is set. {error}"
    return ""


def fault_of(source: str) -> str:
    """What is wrong with a template, empty if nothing."""
    try:
        rendering = Rendering(source, begin="<s>", end="</s>")
    except ValueError as error:
        return f"It is no valid Jinja: {error}."
    try:
        rendering([ASKED])
        rendering(TALK)
    except (Refusal, RenderingFailed) as error:
        return f"It fails on a conversation of a user and an assistant: {error}."
    if not rendering.tells(TALK):
        return "It leaves out what was said: the text of every turn has to stand in what it makes."
    try:
        rendering(BRIEFED)
    except RenderingFailed as error:
        return f"It fails on a conversation with a system prompt: {error}."
    except Refusal:  # many know no such turn, and say so
        pass
    return ""


def main() -> None:
    """Try the template on standard input under limits of processor time, memory and files."""
    source = sys.stdin.buffer.read().decode("utf-8", "replace")
    confine(cpu_s=CPU_S, memory=MEMORY)
    try:
        sys.stdout.write(fault_of(source)[:1000])
    except MemoryError:
        sys.exit(1)


if __name__ == "__main__":
    main()
