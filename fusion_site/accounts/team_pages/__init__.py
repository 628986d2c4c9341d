"""The pages of a team: its people, its settings, and what was done in it."""
