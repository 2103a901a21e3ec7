"""Testing and registering a connection while an operator waits, and what they are told of it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest

import providers
from hitl_bridge import connect, provisioning
from hitl_bridge.models import Installation, InstallationStatus
from hitl_bridge.tokens import NOT_CONNECTED
from providers.errors import Misconfigured, ProviderError, Reconnect, Retry


def connect_now(
    request: HttpRequest, installation: Installation, *, logged_in: bool = False
) -> None:
    """Test a new connection, and provision what the vendor's API can.

    A row just saved should have got `provisioning.lease`, so that no worker was quicker.
    """
    provisioning.begin(installation)
    capabilities = providers.get(installation.provider).capabilities
    if not check(request, installation, logged_in=logged_in):
        return
    if capabilities.provisions_webhooks and installation.status == InstallationStatus.ACTIVE:
        register(request, installation)
    else:
        provisioning.finished(installation)


def check(request: HttpRequest, installation: Installation, *, logged_in: bool = False) -> bool:
    """Say whose account it is, or what is wrong and what to do.

    `logged_in`: the operator comes from the help desk's login, so that much has worked.
    """
    try:
        account = connect.check(installation)
    except ProviderError as error:
        step = next_step(error, installation)
        if logged_in and isinstance(error, Misconfigured):
            messages.success(request, f"Logged in at {_label(installation)}.")
            messages.warning(request, f"Next step: {error.detail} Do that below, then save.")
        elif error.code == NOT_CONNECTED:
            messages.info(request, f"Next step: {step}")
        else:
            messages.error(request, f"{error.detail} {step}".strip())
        _leave(installation, error)
        return False
    as_whom = f", acting as {account.acting_as}" if account.acting_as else ""
    messages.success(request, f"Connected to {account.name or account.id}{as_whom}.")
    return True


def register(request: HttpRequest, installation: Installation) -> bool:
    """Provision; what is still missing is the next step, and no failure of what is there."""
    label = _label(installation)
    provisioning.begin(installation)
    try:
        connect.register(installation)
    except Retry as error:
        messages.info(
            request, f"{label} is being set up in the background: {error.detail} Look again soon."
        )
        _leave(installation, error)
        return False
    except Misconfigured as error:
        messages.warning(request, f"Next step: {error.detail} Do that below, then save.")
        _leave(installation, error)
        return False
    except ProviderError as error:
        said = f"{label} could not be set up: {error.detail} {next_step(error, installation)}"
        messages.error(request, said.strip())
        _leave(installation, error)
        return False
    provisioning.finished(installation)
    messages.success(request, f"{label} is set up: it knows where to send its events.")
    return True


def next_step(error: ProviderError, installation: Installation) -> str:
    """What the operator can do about it."""
    adapter = providers.get(installation.provider)
    if error.code == NOT_CONNECTED and adapter.capabilities.oauth:
        return f"Press Connect to log in at {adapter.label}, or enter credentials and save."
    if isinstance(error, Reconnect):
        by_oauth = " or press Connect" if adapter.capabilities.oauth else ""
        return f"Enter new credentials{by_oauth}."
    if isinstance(error, Misconfigured):
        return "Mend it below, then save."
    if isinstance(error, Retry):
        return "Nothing needs mending here: try again in a moment."
    return ""


def _label(installation: Installation) -> str:
    return providers.get(installation.provider).label


def _leave(installation: Installation, error: ProviderError) -> None:
    """To a worker, if time alone may mend it."""
    if isinstance(error, Retry):
        provisioning.request(Installation.objects.filter(pk=installation.pk))
    elif isinstance(error, Reconnect | Misconfigured):
        provisioning.finished(installation)
