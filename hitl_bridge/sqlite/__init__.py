"""Django's SQLite backend for many threads; named by ENGINE (see `base`)."""
