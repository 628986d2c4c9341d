"""The same is asked again, of what the run's preset, pool and judge are today."""

from __future__ import annotations

from fusion_site.accounts.models import User
from fusion_site.engine.turns import History
from fusion_site.pools.invalid import Invalid
from fusion_site.runs.flows.following import preset_after
from fusion_site.runs.flows.start import Order, start_run
from fusion_site.runs.models import Run
from fusion_site.runs.titles import titled
from fusion_site.runs.today import is_guided, words_of

NO_THREAD = "The run that this one followed up is gone, and with it the thread that it would go on with."


def repeat_run(
    person: User, run: Run, *, seen: str = "", guided: bool | None = None, idempotency_key: str | None = None
) -> Run:
    """Start a run of the same words by the same preset as it is now; of a follow-up, after the same run as that is now.

    With `seen` it is asked only where that is still what `today_of` told. Raises what `start_run` does, and Invalid where
    the preset or the thread is gone.
    """
    if run.history and run.after is None:
        raise Invalid({"again_of": [NO_THREAD]})
    words = words_of(run)
    order = Order(
        preset_after(run),
        words[-1].content if len(words) == 1 else "",
        () if len(words) == 1 else words,
        guided=is_guided(run) if guided is None else guided,
        idempotency_key=idempotency_key,
        after=run.after,
        history=History(run.history) if run.history else None,
        as_written=True,
        title=titled(run),
        seen=seen,
        pictures=words[-1].pictures if len(words) == 1 else (),
    )
    return start_run(person, run.team, order)
