"""The database backend of a site on many machines, named by `ENGINE`."""
