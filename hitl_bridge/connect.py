"""From an installation's row to its help desk's adapter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.utils import timezone

import providers
from hitl_bridge import health, limits
from hitl_bridge.models import App, Installation, InstallationStatus
from hitl_bridge.outgoing import http_client
from hitl_bridge.tokens import StoredTokens
from providers.base import Connection, Provider
from providers.errors import Misconfigured, ProviderError
from providers.types import Account, WebhookTrust


def provider_for(
    installation: Installation, before_request: Callable[[], None] = lambda: None
) -> Provider:
    """The adapter, connected as the installation says. No I/O yet."""
    adapter = providers.get(installation.provider)
    account = f"{installation.provider}:{installation.account_id or installation.pk}"

    def before_call() -> None:
        before_request()
        limits.take(adapter.rate_limit, account)

    http = http_client(before_call)
    tokens = StoredTokens(installation, before_request)
    connection = Connection(
        settings=installation.merged_settings(),
        credentials=installation.merged_credentials(),
        http=http,
        tokens=tokens,
        now=timezone.now,
        account_id=installation.account_id,
        state=installation.state,
        api_base_url=installation.api_base_url.rstrip("/"),
        auth_base_url=installation.auth_base_url.rstrip("/"),
    )
    provider = adapter(connection)
    tokens.refresh_with = provider.oauth_refresh
    return provider


def trust_of(owner: Installation | App) -> WebhookTrust:
    """What the webhooks of an installation or an app are verified with."""
    if isinstance(owner, App):
        return WebhookTrust(credentials=owner.credentials)
    return WebhookTrust(
        credentials=owner.merged_credentials(), state=owner.state, account_id=owner.account_id
    )


def check(installation: Installation) -> Account:
    """Test the connection, store whose account it is, and let waiting deliveries go on.

    Raises ProviderError after having stored why it is not well.
    """
    problems = providers.get(installation.provider).validate(
        installation.merged_settings(), installation.merged_credentials()
    )
    try:
        if problems:
            raise Misconfigured(problems[0].message, field=problems[0].field)
        account = provider_for(installation).check()
        if installation.account_id and installation.account_id != account.id:
            raise Misconfigured(
                f"These credentials belong to another account ({account.name}, {account.id}); "
                f"this installation is connected to {installation.account_name}."
            )
    except ProviderError as error:
        health.check_failed(installation, error)
        raise
    health.check_passed(installation, account)
    return account


def register(installation: Installation) -> None:
    """Provision what the help desk's API can; safe to repeat. Raises ProviderError."""
    provider = provider_for(installation)

    def save(state: Any) -> None:
        installation.state = dict(state)
        installation.save(update_fields=["state"])

    address = installation.webhook_url
    if installation.app and provider.capabilities.app_webhooks:
        address = installation.app.webhook_url
    save(provider.register(address, save))


def unregister(installation: Installation) -> None:
    """Remove at the help desk what `register` made. Raises ProviderError."""
    provider_for(installation).unregister()
    installation.state = {}
    installation.save(update_fields=["state"])


def disable(installation: Installation) -> None:
    """Take the installation out of service; a worker removes what is registered."""
    installation.status, installation.provision_at = InstallationStatus.DISABLED, timezone.now()
    installation.save(update_fields=["status", "provision_at"])
