"""Starting points for connections to model servers on this machine, at the addresses where they listen by default."""

from __future__ import annotations

from dataclasses import dataclass

from fusion_site.pools.addresses import unlisted
from fusion_site.pools.models import Kind
from fusion_site.pools.plain import Plain


@dataclass(frozen=True)
class Start:
    """One server: its word in addresses, its name, where it listens, and how many requests it takes at once."""

    slug: str
    name: str
    base_url: str
    parallel: int = 8

    @property
    def draft(self) -> Plain:
        """Give what the form of a new connection begins with."""
        return {
            "kind": Kind.OPENAI.value,
            "name": self.name,
            "base_url": self.base_url,
            "parallel": self.parallel,
        }

    @property
    def unlisted(self) -> str | None:
        """Give the "host:port" that the operator has to list before this can be saved; None when it is listed."""
        return unlisted(self.base_url)


STARTS = (
    Start("ollama", "Ollama", "http://127.0.0.1:11434/v1"),
    Start("lm-studio", "LM Studio", "http://127.0.0.1:1234/v1"),
    Start("llama-server", "llama-server", "http://127.0.0.1:8080/v1"),
    Start("vllm", "vLLM", "http://127.0.0.1:8000/v1"),
    # It has one context: a second request would wait inside it, or by its default cut off the first.
    Start("llama-cpp-server", "llama_cpp.server", "http://127.0.0.1:8000/v1", parallel=1),
)


def start_of(slug: str) -> Start | None:
    """Give the starting point of that word, if there is one."""
    return next((start for start in STARTS if start.slug == slug), None)
