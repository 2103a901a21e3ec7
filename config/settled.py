"""What a process does once, when it has loaded all that it serves."""

import gc

from django.urls import get_resolver


def settle() -> None:
    """Load the addresses now, not at the first request, and leave what is loaded to stay.

    Python's garbage collector would look through all of it again and again, and the more often
    the more listeners come and wait.
    """
    len(get_resolver().url_patterns)
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
