"""`python -m bench.audit LOCK`: known vulnerabilities of what is locked.

Ends with 1 where there is one, and where the tool fails in a way that we don't know. Says NOT
AUDITED, loudly, where the advisory service can't be asked: that is no finding, and no all-clear.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

NOT_AUDITED = "NOT AUDITED"


def main(lock: str) -> int:
    """Ask, tell, judge."""
    asked = subprocess.run(  # noqa: S603 - our own
        [
            str(Path(sys.executable).parent / "pip-audit"), "--require-hashes", "--disable-pip",
            "--progress-spinner", "off", "-f", "json", "-r", lock,
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    status, told = judge(asked.returncode, asked.stdout, asked.stderr)
    print(told)
    return status


def judge(code: int, out: str, err: str) -> tuple[int, str]:
    """The exit code and what to say of the tool's answer."""
    try:
        packages: list[dict[str, Any]] = json.loads(out)["dependencies"]
    except (ValueError, KeyError, TypeError):
        last = (err.strip().splitlines() or ["no answer"])[-1]
        if "Error" in err and any(word in err for word in ("onnect", "HTTP", "timed out")):
            return 0, f"{NOT_AUDITED}: the advisory service can't be asked."
        return 1, f"{NOT_AUDITED}: pip-audit failed: {last[:200]}"
    found = [
        f"{one['name']} {one['version']}: {', '.join(hit['id'] for hit in one['vulns'])}"
        for one in packages
        if one.get("vulns")
    ]
    if found:
        return 1, "\n".join(["Known vulnerabilities:", *found])
    skipped = [one["name"] for one in packages if "skip_reason" in one]
    if skipped:
        return 0, f"{NOT_AUDITED}: {len(skipped)} of {len(packages)} packages, first {skipped[0]}."
    if code:
        return 1, f"{NOT_AUDITED}: pip-audit ended with {code}."
    return 0, f"{len(packages)} packages audited: none has a known vulnerability."


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
