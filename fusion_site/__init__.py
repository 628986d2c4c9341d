"""The fusion site: ask several language models at once and get one answer with its grounds."""
