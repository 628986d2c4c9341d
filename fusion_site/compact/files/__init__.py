"""GGUF files: where they come from, what they say of themselves, and the ones that are kept here."""
