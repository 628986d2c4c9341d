"""Scripted models with no AI in them, behind a real OpenAI-compatible door: a whole run without any key."""
