"""`python -m tests`, what `make test` runs: everything that this machine can.

With DATABASE_URL set, all tests run against that database. Without, they run on SQLite, and those
that need PostgreSQL run after them against the local one, if it answers. Arguments go to pytest.
"""

import os
import subprocess
import sys

from tests.services import LOCAL_POSTGRES, postgres_answers

WORKERS = "4"  # also on two cores: the longest tests wait for processes that they started
NO_TESTS = 5  # pytest's exit code where nothing was selected


def main(arguments: list[str]) -> int:
    """Run the tests and return the exit code."""
    if "DATABASE_URL" in os.environ or not postgres_answers(LOCAL_POSTGRES):
        return run(arguments, {})
    on_sqlite = run([*arguments, "-m", "not postgres"], {})
    print(f"\nTests that need PostgreSQL, on {LOCAL_POSTGRES}:", flush=True)
    on_postgres = run([*arguments, "-m", "postgres"], {"DATABASE_URL": LOCAL_POSTGRES})
    return on_sqlite or (0 if on_postgres == NO_TESTS else on_postgres)


def run(arguments: list[str], environment: dict[str, str]) -> int:
    """Run pytest once, with something more in its environment."""
    spread = ["-n", WORKERS, "--dist", "worksteal"]
    command = [sys.executable, "-m", "pytest", *spread, *arguments]
    return subprocess.run(command, env={**os.environ, **environment}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
