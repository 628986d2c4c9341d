"""The Compact model: any GGUF file, hosted in a child process behind a small OpenAI-compatible door on loopback."""
