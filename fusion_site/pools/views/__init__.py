"""The pages of connections, pools, judges and presets. One set of views serves all four; `things` says how they differ."""
