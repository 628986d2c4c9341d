"""The doorbell: says on the channel layer that a run has new events, and carries them as a hint."""

from __future__ import annotations

from typing import Any

from channels.layers import get_channel_layer

# Above this many bytes of text the bell only rings; the listener reads the rows.
CARRIED = 100_000


def group_of(run_id: str) -> str:
    """Give the group in which a run's listeners stand."""
    return f"run.{run_id}"


async def ring(run_id: str, events: list[dict[str, Any]]) -> None:
    """Tell all listeners of a run. A lost bell only costs time, never an event."""
    size = sum(len(event["data"].get("text", "")) for event in events)
    message = {
        "type": "run.bell",
        "seq": events[-1]["seq"],
        "events": events if size <= CARRIED else [],
    }
    layer = get_channel_layer()
    await layer.group_send(group_of(run_id), message)
