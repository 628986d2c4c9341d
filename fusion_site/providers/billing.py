"""Who goes on billing when a call is stopped, as OpenRouter's page on cancellation lists its providers."""

from __future__ import annotations

import re

# Read in 2026 from OpenRouter's documentation of streaming, "Stream cancellation".
STOPS = """
    OpenAI, Azure, Anthropic, Fireworks, Mancer, Recursal, AnyScale, Lepton, OctoAI, Novita, DeepInfra, Together,
    Cohere, Hyperbolic, Infermatic, Avian, XAI, Cloudflare, SFCompute, Nineteen, Liquid, Friendli, Chutes, DeepSeek
"""
BILLS_ON = """
    AWS Bedrock, Groq, Modal, Google, Google AI Studio, Minimax, HuggingFace, Replicate, Perplexity, Mistral, AI21,
    Featherless, Lynn, Lambda, Reflection, SambaNova, Inflection, ZeroOneAI, AionLabs, Alibaba, Nebius, Kluster,
    Targon, InferenceNet
"""
# The same companies by the names that replies give them.
ALSO_CALLED = {
    "amazonbedrock": "awsbedrock",
    "googlevertex": "google",
    "novitaai": "novita",
    "01ai": "zerooneai",
    "friendliai": "friendli",
    "nebiusaistudio": "nebius",
}


def bills_after_cancel(provider: str) -> bool | None:
    """Say whether a provider bills a stopped call in full: it does, it stops billing, or (None) nobody knows."""
    name = _plain(provider)
    return _KNOWN.get(ALSO_CALLED.get(name, name))


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold())


_KNOWN = {
    _plain(name): bills for names, bills in ((STOPS, False), (BILLS_ON, True)) for name in names.split(",")
}
