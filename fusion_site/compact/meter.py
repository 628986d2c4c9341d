"""What one host has done so far, for people and for Prometheus."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Meter:
    """Counters since the start, and gauges as of the last step; written by the model thread, read by any."""

    prompt_tokens: int = 0
    reused_tokens: int = 0
    written_tokens: int = 0
    answers_finished: int = 0
    answers_cancelled: int = 0
    answers_failed: int = 0
    read_ahead: int = 0
    steps: int = 0
    step_seconds: float = 0.0
    decode_seconds: float = 0.0
    slots_busy: int = 0
    waiting: int = 0

    def exposition(self, *, layers: int, gpu_layers: int) -> str:
        """All numbers in Prometheus' text format, prefixed `compact_`, with how many of the model's layers lie on GPUs."""
        gauges = {
            "slots_busy": self.slots_busy,
            "waiting": self.waiting,
            "layers": layers,
            "gpu_layers": gpu_layers,
        }
        counters = {
            "prompt_tokens": self.prompt_tokens,
            "reused_tokens": self.reused_tokens,
            "written_tokens": self.written_tokens,
            "answers_finished": self.answers_finished,
            "answers_cancelled": self.answers_cancelled,
            "answers_failed": self.answers_failed,
            "read_ahead": self.read_ahead,
            "steps": self.steps,
            "step_seconds": self.step_seconds,
            "decode_seconds": self.decode_seconds,
        }
        lines = [f"# TYPE compact_{name} gauge\ncompact_{name} {value}" for name, value in gauges.items()]
        lines += [
            f"# TYPE compact_{name}_total counter\ncompact_{name}_total {value}"
            for name, value in counters.items()
        ]
        return "\n".join(lines) + "\n"
