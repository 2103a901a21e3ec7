"""The promise under fire: real processes, imitated help desks, kill -9, and a checker of both ends.

`python -m bench.chaos --help`; docs/reliability.md has what it measured.
"""
