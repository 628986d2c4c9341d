"""What a GGUF file says of itself, in the words of people."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

from fusion_site.compact.files.offer import Licence


@dataclass(frozen=True, slots=True)
class FileFacts:
    """Read from the header alone; sizes in bytes, `trained_context` in tokens, `per_token` what one token takes in memory.

    `layer_size` is that of the largest of its layers, `output_size` that of the matrices behind the last one.
    """

    name: str
    architecture: str
    file_size: int
    weights_size: int
    parameters: int
    quantisation: str
    trained_context: int
    layers: int
    layer_size: int
    output_size: int
    per_token: int
    vocabulary: int
    template: str = field(repr=False)
    licence: Licence = field(default_factory=Licence)

    @property
    def has_template(self) -> bool:
        """Whether it says how conversations are written for it."""
        return bool(self.template)

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Self:
        """Read what `dataclasses.asdict` wrote."""
        return cls(**{**plain, "licence": Licence(**plain["licence"])})
