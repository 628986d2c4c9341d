"""What the people of the showcase ask and say, and the models that their connection lists."""

from __future__ import annotations

from typing import Any

CRITERIA = [
    {"name": "Correct", "description": "Nothing in it is wrong.", "weight": 3},
    {"name": "Safe to undo", "description": "It says how to get back.", "weight": 2},
    {"name": "Short", "description": "It can be read in a minute.", "weight": 1},
]
MEMBERS: list[dict[str, Any]] = [
    {
        "model": "rehearsal/planner",
        "label": "Planner",
        "aspect": "structure",
        "system": "You plan changes to databases.",
    },
    {"model": "rehearsal/scholar", "label": "Scholar", "aspect": "facts", "required": True},
    {"model": "rehearsal/storyteller", "label": "Storyteller", "aspect": "tone"},
    {"model": "rehearsal/moody", "label": "Moody", "system": "fail:overloaded"},
]
TEMPLATE = "Review this as {{role}}, for a site that may not stop.\n\n{{prompt}}"
NAMES = {"alice": "Alice Moreau", "bob": "Bob Lindqvist", "dave": "Dave Okafor", "charlie": "Charlie Novak"}
TAGS = {"merge": "database, shop", "best-of": "backups", "partial": "shop"}
PROMPTS: dict[str, tuple[str, dict[str, Any]]] = {
    "sum": ("dave", {"preset": "rehearsal-best-of", "prompt": "How much is 17 * 24?"}),
    "slip": ("alice", {"preset": "rehearsal-best-of", "prompt": "teh quick test"}),
    "failed": ("bob", {"preset": "down", "prompt": "What did the last audit of our backups find?"}),
    "partial": (
        "alice",
        {"preset": "careful", "prompt": "Which risks does the move to another payment provider carry?"},
    ),
    "debate": (
        "dave",
        {"preset": "rehearsal-debate", "prompt": "Should a team of six split its shop into microservices?"},
    ),
    "best-of": (
        "alice",
        {
            "preset": "rehearsal-best-of",
            "prompt": "Why do our nightly backups take twice as long since March?",
        },
    ),
    "guided": (
        "alice",
        {
            "preset": "rehearsal",
            "prompt": "How should we tell customers about a short outage?",
            "guided": True,
        },
    ),
    "merge": (
        "bob",
        {
            "preset": "code-review",
            "prompt": "Is it safe to add a required column to a table of 40 million orders while the shop is open?",
            "variables": {"role": "a careful database engineer"},
        },
    ),
}
# The preset whose models see pictures.
SIGHTED = "Three vendors"
TYPED = {
    "prompt": "Is this migration safe to run while the shop is open? The picture is what customers see meanwhile.",
    "file": "ALTER TABLE orders ADD COLUMN channel text;\nUPDATE orders SET channel = 'web';\n"
    "ALTER TABLE orders ALTER COLUMN channel SET NOT NULL;\n",
}
SAID: dict[str, Any] = {
    "follow-up": "And how do we roll the new column back if the replicas fall behind?",
    "comments": [
        ("alice", "The part about replicas is what I was missing. Let us do it on Tuesday."),
        ("dave", "Agreed. I will write the steps into the runbook."),
        ("bob", "Fused again with all three answers: the second version says how to get back."),
    ],
}


def _model(name: str, title: str, context: int, prompt: str, completion: str, *more: str) -> dict[str, Any]:
    return {
        "id": name,
        "name": title,
        "context_length": context,
        "pricing": {"prompt": prompt, "completion": completion},
        "architecture": {"input_modalities": ["text", *more], "output_modalities": ["text"]},
    }


MODELS = [
    _model("northwind/atlas-large", "Northwind: Atlas Large", 200_000, "0.000003", "0.000015", "image"),
    _model("harbour/pilot-2", "Harbour: Pilot 2", 128_000, "0.00000125", "0.00001", "image"),
    _model("lumen/quill-70b", "Lumen: Quill 70B", 131_072, "0.00000035", "0.0000004"),
    _model("northwind/atlas-small", "Northwind: Atlas Small", 200_000, "0.0000008", "0.000004"),
    _model("lumen/quill-8b", "Lumen: Quill 8B", 32_768, "0.00000005", "0.00000008"),
]
