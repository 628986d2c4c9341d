"""The site killed and frozen at every stage of a run."""
