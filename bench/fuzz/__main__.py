"""`python -m bench.fuzz [provider ...]`: forged and broken webhooks against every help desk's door.

Ends with 1 where one was accepted without a valid signature, answered 5xx, or stored and not
understood for a reason of ours. A database of its own, in memory; the same requests each time.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time

import django


def main() -> int:
    """Send them, print a table, judge."""
    parser = argparse.ArgumentParser(prog="python -m bench.fuzz", description=__doc__)
    parser.add_argument("providers", nargs="*", metavar="provider")
    parser.add_argument("--requests", type=int, default=100_000, help="per provider")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    _set_up()
    from bench.fuzz.vendors import VENDORS  # noqa: PLC0415 - needs Django
    from bench.fuzz.webhooks import SHOWN, Fuzz, Outcome  # noqa: PLC0415

    found: list[Outcome] = []
    for slug in given.providers or VENDORS:
        began = time.monotonic()
        outcome = Fuzz(VENDORS[slug](), given.seed).run(given.requests)
        found.append(outcome)
        took = time.monotonic() - began
        print(
            f"{slug}: {given.requests} requests in {took:.0f} s; {dict(outcome.answers)}; accepted "
            f"without a valid signature: {len(outcome.accepted)}, refused with one: "
            f"{len(outcome.refused)}, failed: {len(outcome.failed)}",
            flush=True,
        )
        for what in [*outcome.failed, *outcome.accepted, *outcome.refused][:SHOWN]:
            print(f"  {str(what)[:300]}", flush=True)
    return 0 if all(one.good for one in found) else 1


def _set_up() -> None:
    from tests.environment import set_environment  # noqa: PLC0415 - sets what Django reads

    set_environment()
    os.environ |= {
        "DATABASE_URL": "sqlite://:memory:", "REDIS_URL": "", "LOG_LEVEL": "CRITICAL",
        "WEBHOOKS_PER_MINUTE": "0",
    }  # fmt: skip
    django.setup()
    from django.core.management import call_command  # noqa: PLC0415 - needs Django

    call_command("migrate", verbosity=0)
    logging.disable()


if __name__ == "__main__":
    sys.exit(main())
