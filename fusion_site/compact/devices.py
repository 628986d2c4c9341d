"""The GPUs that llama.cpp was built for and finds here, with what is free on each."""

from __future__ import annotations

from dataclasses import dataclass

from fusion_site.compact import native

GPU, INTEGRATED = 1, 2  # ggml_backend_dev_type; others are the CPU and what only helps it


@dataclass(frozen=True, slots=True)
class Device:
    """One GPU: how it calls itself, and its free memory in bytes."""

    name: str
    free: int


def gpus() -> list[Device]:
    """Those that llama.cpp puts layers on, in its order: the graphics cards, else what is built into the processor; or none."""
    if not native.supports_gpu():
        return []
    found = [(native.device_type(handle), handle) for handle in native.devices()]
    cards = [handle for kind, handle in found if kind == GPU]
    return [_device(handle) for handle in cards or [handle for kind, handle in found if kind == INTEGRATED]]


def _device(handle: int) -> Device:
    described: bytes | None = native.device_description(handle)
    return Device((described or b"a GPU").decode("utf-8", "replace"), native.device_free(handle))
