"""A LiveChat adapter on its double."""

from __future__ import annotations

import re
from typing import Any

import pytest
import responses

from providers.livechat import LiveChat
from providers.types import WebhookRequest
from tests.providers.contract import MEDIA, MEDIA_BYTES
from tests.providers.fakes import START, Clock, FakeTokens, FaultyHttp, make_connection
from tests.providers.livechat.double import CLIENT, ORG, SECRET, LiveChatDouble

SETTINGS = {"organization_id": ORG, "group_id": "19", "allowed_groups": "0"}
BY_OAUTH = {"client_id": CLIENT, "client_secret": "client-s3cret", "refresh_token": "lifelong-1"}
PAT = "YWNjLTE6cGF0LXRlc3Qtb25seQ=="  # acc-1:pat-test-only
BY_PAT = {"client_id": CLIENT, "agent_token": PAT}
STATE = {"webhook_secret": SECRET}


@pytest.fixture
def mocked(mocked: responses.RequestsMock) -> responses.RequestsMock:
    """With the files that conversations point to."""
    mocked.add(responses.GET, re.compile(re.escape(MEDIA)), body=MEDIA_BYTES)
    return mocked


@pytest.fixture
def vendor(mocked: responses.RequestsMock, clock: Clock) -> LiveChatDouble:
    return LiveChatDouble(mocked, clock)


@pytest.fixture
def livechat(
    vendor: LiveChatDouble, http: FaultyHttp, tokens: FakeTokens, clock: Clock
) -> LiveChat:
    del vendor
    return connected(http=http, tokens=tokens, clock=clock)


@pytest.fixture
def by_pat(vendor: LiveChatDouble, clock: Clock) -> LiveChat:
    """Connected by a personal access token: customers by cookies."""
    del vendor
    state = STATE | {"redirect_uri": "https://bridge.example.com/oauth/livechat/callback"}
    return connected(credentials=BY_PAT, clock=clock, state=state)


def connected(
    settings: dict[str, str] | None = None,
    credentials: dict[str, str] | None = None,
    state: dict[str, Any] | None = None,
    **parts: Any,
) -> LiveChat:
    """The adapter with other values."""
    return LiveChat(
        make_connection(
            SETTINGS | (settings or {}),
            credentials or BY_OAUTH,
            account_id=ORG,
            state=STATE if state is None else state,
            **parts,
        )
    )


def webhook(body: bytes) -> WebhookRequest:
    """The webhook as LiveChat sends it: there is nothing in the headers."""
    return WebhookRequest(
        method="POST",
        url="https://bridge.example.com/webhooks/livechat/t0ken",
        headers={"content-type": "application/json"},
        body=body,
        received_at=START,
    )
