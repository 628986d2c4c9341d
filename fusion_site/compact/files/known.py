"""Models that can be fetched by name, with what their authors say of them."""

from __future__ import annotations

from dataclasses import dataclass

from fusion_site.compact.files.offer import Licence


@dataclass(frozen=True, slots=True)
class KnownModel:
    """One model by name; `source` is empty where nobody has verified an address, and then the operator may set one."""

    name: str
    what: str
    licence: Licence
    restrictions: tuple[str, ...] = ()
    source: str = ""


_APACHE = Licence("apache-2.0", "Apache License 2.0", "https://www.apache.org/licenses/LICENSE-2.0")
_LLAMA = Licence("llama4", "Llama 4 Community License", "https://www.llama.com/llama4/license/")

LLAMA_4_COMPACT = KnownModel(
    name="Llama 4 Compact 12B",
    what="12 billion parameters, quantised for edge hardware",
    licence=_LLAMA,
    restrictions=(
        "What is built with it must say “Built with Llama”.",
        "Its Acceptable Use Policy forbids some uses.",
        "Whoever has more than 700 million monthly users needs a licence of their own from Meta.",
        "The licence that comes with the file is the one that holds: read it before you accept.",
    ),
)
SMALL_OPEN_MODELS = (
    KnownModel(
        name="Qwen2.5 0.5B Instruct",
        what="0.5 billion parameters, Q4_K_M, for trying things out",
        licence=_APACHE,
        source="hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF/qwen2.5-0.5b-instruct-q4_k_m.gguf",
    ),
    KnownModel(
        name="SmolLM2 1.7B Instruct",
        what="1.7 billion parameters, Q4_K_M",
        licence=_APACHE,
        source="hf:HuggingFaceTB/SmolLM2-1.7B-Instruct-GGUF/smollm2-1.7b-instruct-q4_k_m.gguf",
    ),
    KnownModel(
        name="Phi-3 Mini 4K Instruct",
        what="3.8 billion parameters, Q4",
        licence=Licence("mit", "MIT License", "https://opensource.org/license/mit"),
        source="hf:microsoft/Phi-3-mini-4k-instruct-gguf/Phi-3-mini-4k-instruct-q4.gguf",
    ),
)


def known_models(compact_source: str = "") -> tuple[KnownModel, ...]:
    """All of them, Llama 4 Compact first, with the address that the operator set for it."""
    first = KnownModel(
        LLAMA_4_COMPACT.name,
        LLAMA_4_COMPACT.what,
        LLAMA_4_COMPACT.licence,
        LLAMA_4_COMPACT.restrictions,
        compact_source,
    )
    return (first, *SMALL_OPEN_MODELS)
