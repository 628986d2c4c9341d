"""The thread that a follow-up goes on with, from rows: what was asked, what was fused, and what the members answered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from fusion_site.engine.asking import Message, ModelRef
from fusion_site.engine.candidates import size_of
from fusion_site.engine.debating import standings
from fusion_site.engine.defusing import anonymous, names_of
from fusion_site.engine.settings import FusionSettings, Member, Mode
from fusion_site.engine.thread import Shown, fitting, shown_to, shown_to_judge, stand_ins
from fusion_site.engine.turns import History, Said, Thread, Turn
from fusion_site.runs.frozen import settings_from_json
from fusion_site.runs.models import Answer, Fusion, Run
from fusion_site.runs.resuming import results_of

# So much of a thread is frozen with a run, in bytes of UTF-8: more would fit few models, and each follow-up has a copy.
MOST_KEPT = 400_000
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Stood:
    """What one member said in an earlier run, after a debate where there was one, and without the names of models."""

    index: int
    model: ModelRef
    text: str
    anonymous: str


@dataclass(frozen=True, slots=True)
class Past:
    """One earlier turn as its run stands now; `fused` is empty where it has no whole fused answer."""

    asked: tuple[Message, ...]
    fused: str
    answers: tuple[Stood, ...]


def thread_ids(run: Run) -> list[str]:
    """Give the runs of the thread up to this one, the oldest first."""
    return [*run.thread.get("earlier", []), run.pk]


def past_of(run: Run, history: History) -> list[Past]:
    """Give the newest turns up to this run, the oldest of them first, until they are more than is kept of a thread.

    Members' answers are read only where `history` needs them.
    """
    ids, found, size = thread_ids(run), list[Past](), 0
    while ids and size <= MOST_KEPT:
        ids, newest = ids[:-_AT_ONCE], ids[-_AT_ONCE:]
        read = _read(newest, with_answers=history is not History.FUSED)
        found = [*read, *found]
        size += sum(_size(past) for past in read)
    return found


def thread_of(run: Run, past: Sequence[Past], history: History, members: Sequence[Member]) -> Thread:
    """Give what a follow-up of the run keeps of its thread, for these members.

    An earlier answer is a member's own where the member had the same place in the pool, connection and model.
    """
    turns = [_turn(each, history, members) for each in past]
    shown = fitting(turns, MOST_KEPT)
    missing = len(thread_ids(run)) - len(past)
    return Thread(history, shown.turns, shown.left_out + missing, shown.is_shortened)


def reach_of(settings: FusionSettings) -> dict[str, list[dict[str, Any]]]:
    """Say of the thread of these settings what members and judge (None) are not shown, and where the fused stands in."""
    readers = [(m.index, shown_to(settings, m)) for m in settings.members]
    told = [_missing(*reader) for reader in (*readers, (None, shown_to_judge(settings)))]
    counts = [(m.index, stand_ins(settings, m)) for m in settings.members]
    return {
        "left_out": [each for each in told if each["turns"] or each["shortened"]],
        "stand_ins": [{"member": index, "turns": turns} for index, turns in counts if turns],
    }


def _missing(member: int | None, shown: Shown) -> dict[str, Any]:
    return {"member": member, "turns": shown.left_out, "shortened": shown.is_shortened}


def _turn(past: Past, history: History, members: Sequence[Member]) -> Turn:
    return Turn(past.asked, past.fused, tuple(_said(past.answers, history, members)))


def _said(answers: Iterable[Stood], history: History, members: Sequence[Member]) -> Iterable[Said]:
    places = {(member.index, member.model) for member in members}
    for stood in answers:
        if history is History.ALL:
            yield Said(stood.anonymous)
        elif history is History.OWN and (stood.index, stood.model) in places:
            yield Said(stood.text, stood.index)


def _size(past: Past) -> int:
    texts = (*(m.content for m in past.asked), past.fused, *(stood.text for stood in past.answers))
    return sum(map(size_of, texts))


def _read(ids: Sequence[str], *, with_answers: bool) -> list[Past]:
    runs = Run.objects.only("settings").in_bulk(ids)
    whole = Fusion.objects.filter(run__in=ids, finished=True).order_by("version")
    fused = dict(whole.values_list("run", "text"))
    answers: dict[str, list[Answer]] = {run_id: [] for run_id in ids}
    for answer in Answer.objects.filter(run__in=ids) if with_answers else ():
        answers[answer.run_id].append(answer)
    return [_past(runs[run_id], fused.get(run_id, ""), answers[run_id]) for run_id in ids if run_id in runs]


def _past(run: Run, fused: str, answers: Iterable[Answer]) -> Past:
    settings = settings_from_json(run.settings)
    asked = tuple(m for m in settings.messages if m.role != "system")
    return Past(asked, fused, tuple(_stood(settings, answers)))


def _stood(settings: FusionSettings, answers: Iterable[Answer]) -> Iterable[Stood]:
    names = names_of(settings.members, settings.question)
    models = {member.index: member.model for member in settings.members}
    for position in standings(results_of(answers), merging=settings.mode is Mode.MERGE):
        index = position.key.member
        yield Stood(index, models[index], position.text, anonymous(position.text, names))
