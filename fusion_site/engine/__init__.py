"""The fusion method in plain Python: settings in, an async stream of events out."""
