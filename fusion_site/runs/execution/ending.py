"""How a pass ends: the first one once, by `run.finished`, each later one by `run.updated`, which says what came of it."""

from __future__ import annotations

from fusion_site.runs.models import Again, Run, State

STOPPED = "stopped"
FAILED = "failed"
STOPPED_AGAIN = "The last attempt was stopped. What there was before is kept."
# What came of a later pass that went to its end, by what it was for.
_DONE = {Again.FUSE: "fused", Again.RETRY: "retried", Again.ADD: "added"}


def end_of(
    run: Run, ended: State, message: str, *, has_fused: bool, cut: str
) -> tuple[State, str, dict[str, str]]:
    """Give the state that a run is in after its open pass has `ended` so, the event's kind, and what it says.

    A later pass moves the state only by a fused answer, which makes any run a done one. `cut` says that it did not go to
    its end: it was STOPPED, or FAILED inside the site.
    """
    if not run.reopened:
        return ended, "run.finished", {"state": ended.value, "message": message}
    state = State.DONE if has_fused else State(run.state)
    if cut == STOPPED:
        message = STOPPED_AGAIN
    elif not message and state is not State.DONE and run.message != STOPPED_AGAIN:
        message = run.message
    reason = cut or _DONE[Again(run.reopened)]
    return state, "run.updated", {"reason": reason, "state": state.value, "message": message}
