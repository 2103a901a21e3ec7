"""A thousand installations whose tokens end in the same minute; run by `tokens` in the stack's
environment. Prints what happened as JSON."""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import django

django.setup()

from django.db import connections  # noqa: E402 - needs the settings
from django.utils import timezone  # noqa: E402

from hitl_bridge.connect import provider_for  # noqa: E402
from hitl_bridge.models import Bot, Installation, OAuthToken, Tenant  # noqa: E402
from providers.errors import ProviderError  # noqa: E402

INSTALLATIONS, CALLERS, THREADS = 1000, 3, 24
PROVIDERS = ("hubspot", "livechat", "zoho")


class Accounts(ThreadingHTTPServer):
    """All vendors' token endpoints: a new access token for each refresh."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self) -> None:
        self.refreshed: Counter[str] = Counter()  # refresh token -> how often
        self.lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: Accounts

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        form = parse_qs(self.rfile.read(length).decode())
        refresh = form["refresh_token"][0]
        with self.server.lock:
            self.server.refreshed[refresh] += 1
            access = f"{refresh}:{self.server.refreshed[refresh]}"
        grant = {"access_token": access, "expires_in": 1800, "token_type": "bearer"}
        content = json.dumps(grant).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name
        """Quiet."""


def _made(url: str) -> list[str]:
    """The installations' ids; each token ends within a minute."""
    tenant = Tenant.objects.create(slug="thousand")
    now, dice, ids = timezone.now(), random.Random(1), []
    for number in range(INSTALLATIONS):
        bot = Bot.objects.create(tenant=tenant, slug=f"bot-{number}")
        installation = Installation.objects.create(
            bot=bot,
            slug="support",
            provider=PROVIDERS[number % len(PROVIDERS)],
            settings={"data_center": "us"},
            credentials={"client_id": "c", "client_secret": "s"},
            auth_base_url=url,
            api_base_url=url,
            status="paused",  # the stack's own workers leave them alone
            provision_at=None,
        )
        OAuthToken.objects.create(
            installation=installation,
            access_token="old",  # noqa: S106 - made up
            refresh_token=f"refresh-{number}",
            obtained_at=now - timedelta(hours=1),
            expires_at=now + timedelta(seconds=dice.uniform(0, 60)),
        )
        ids.append(installation.pk)
    return ids


def main() -> None:
    """Let all callers ask at once."""
    server = Accounts()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    calls = _made(f"http://127.0.0.1:{server.server_port}") * CALLERS
    random.Random(2).shuffle(calls)

    def use(pk: str) -> bool:
        installation = Installation.objects.select_related("app", "bot").get(pk=pk)
        try:
            token = provider_for(installation).connection.tokens.get()
        except ProviderError:
            return False
        finally:
            connections.close_all()
        return token.startswith("refresh-")

    with ThreadPoolExecutor(THREADS) as pool:
        accepted = list(pool.map(use, calls))
    print(
        json.dumps(
            {
                "installations": INSTALLATIONS,
                "callers": CALLERS,
                "refreshes": sum(server.refreshed.values()),
                "doubled": sum(count > 1 for count in server.refreshed.values()),
                "rejected": accepted.count(False),
            }
        )
    )


if __name__ == "__main__":
    main()
