"""Where the words of a search stand in a run: a piece of the text around them, with the hits marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fusion_site.runs.finding.words import Term, Word, composed, words_in
from fusion_site.runs.models import Answer, Fusion, Run

# So much is shown around the first hit, in characters.
BEFORE, AFTER = 60, 160


@dataclass(frozen=True)
class Piece:
    """A piece of an excerpt; a hit is what was looked for."""

    text: str
    hit: bool


@dataclass(frozen=True)
class Excerpt:
    """A piece of one of a run's texts; `where` says of which, in the words of the page."""

    where: str
    pieces: list[Piece]


def excerpts_of(runs: Sequence[Run], terms: Sequence[Term]) -> dict[str, Excerpt]:
    """Give for each run, by its id, the excerpt that shows most of the terms: of the fused answer first of all."""
    texts = _texts(runs)
    found = {run_id: _best(told, terms) for run_id, told in texts.items()}
    return {run_id: excerpt for run_id, excerpt in found.items() if excerpt}


def _best(texts: Sequence[tuple[str, str]], terms: Sequence[Term]) -> Excerpt | None:
    best: tuple[int, Excerpt] | None = None
    for where, text in texts:
        count, excerpt = _excerpt(where, text, terms)
        if excerpt and (best is None or count > best[0]):
            best = count, excerpt
        if count == len(terms):
            break
    return best[1] if best else None


def _texts(runs: Sequence[Run]) -> dict[str, list[tuple[str, str]]]:
    """Give the texts of each run, by its id, in the order in which they are looked at; a query for each kind of text."""
    found: dict[str, list[tuple[str, str]]] = {run.pk: [] for run in runs}
    if not runs:
        return found
    comments = type(runs[0])._meta.get_field("comments").related_model
    assert isinstance(comments, type)
    for run_id, text in Fusion.objects.filter(run__in=found).order_by("-version").values_list("run", "text"):
        found[run_id].append(("Fused answer", text))
    for run in runs:
        found[run.pk].append(("Prompt", run.prompt))
    for run_id, label, text in Answer.objects.filter(run__in=found).values_list("run", "label", "text"):
        found[run_id].append((label, text))
    for run_id, text in comments._default_manager.filter(run__in=found).values_list("run", "text"):
        found[run_id].append(("Comment", text))
    return found


def _excerpt(where: str, text: str, terms: Sequence[Term]) -> tuple[int, Excerpt | None]:
    text = composed(text)
    words = list(words_in(text))
    told = [word.text for word in words]
    hits, seen = _hits(words, told, terms)
    if not hits:
        return 0, None
    return len(seen), Excerpt(where, _pieces(text, hits))


def _hits(
    words: list[Word], told: list[str], terms: Sequence[Term]
) -> tuple[list[tuple[int, int]], set[Term]]:
    """Give the places of all hits in the text, in order and apart, and the terms that are among them."""
    firsts = {(term.words[0][:1], term) for term in terms}
    hits: list[tuple[int, int]] = []
    seen: set[Term] = set()
    for at, word in enumerate(told):
        for first, term in firsts:
            if not word.startswith(first) or (end := term.ends_at(told, at)) is None:
                continue
            seen.add(term)
            if not hits or words[at].start >= hits[-1][1]:
                hits.append((words[at].start, words[end - 1].end))
    return hits, seen


def _pieces(text: str, hits: list[tuple[int, int]]) -> list[Piece]:
    start, stop = _edges(text, hits[0])
    pieces, at = [Piece("…", hit=False)] if start else [], start
    for begin, end in hits:
        if end > stop:
            break
        pieces += [Piece(text[at:begin], hit=False), Piece(text[begin:end], hit=True)]
        at = end
    pieces += [Piece(text[at:stop], hit=False), Piece("…" if stop < len(text) else "", hit=False)]
    return [piece for piece in pieces if piece.text]


def _edges(text: str, hit: tuple[int, int]) -> tuple[int, int]:
    """Give where the excerpt begins and ends: between words, where there are spaces near."""
    start, stop = max(0, hit[0] - BEFORE), min(len(text), max(hit[1], hit[0] + AFTER))
    if start:
        space = text.find(" ", start, hit[0])
        start = space + 1 if space >= 0 else start
    if stop < len(text):
        space = text.rfind(" ", hit[1], stop)
        stop = space if space > 0 else stop
    return start, stop
