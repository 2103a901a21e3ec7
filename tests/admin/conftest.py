"""Who sits before the admin, and a help desk for them to connect."""

import pytest
from django.contrib.auth.models import Permission, User
from django.db.models import Q
from django.test import Client

import providers
from hitl_bridge.models import Installation, InstallationStatus
from tests import factories
from tests.admin import oauth_desk


@pytest.fixture(autouse=True)
def plain_http(settings) -> None:
    """Django's test client speaks http, and the admin's pages are redirected to https."""
    settings.SECURE_SSL_REDIRECT = False


@pytest.fixture
def operator(db) -> User:
    return User.objects.create_superuser("olga", "olga@example.test", "pw")


@pytest.fixture
def browser(operator) -> Client:
    client = Client()
    client.force_login(operator)
    return client


@pytest.fixture
def onlooker(db) -> Client:
    """Somebody who may look at everything of every tenant and change nothing."""
    user = User.objects.create_user("lena", is_staff=True)
    views = Q(codename__startswith="view_") | Q(codename="reach_every_tenant")
    user.user_permissions.set(Permission.objects.filter(views))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def odesk(monkeypatch):
    monkeypatch.setitem(providers.PROVIDERS, "odesk", "tests.admin.oauth_desk:OAuthDesk")
    oauth_desk.exchanged.clear()
    oauth_desk.registered.clear()


@pytest.fixture
def installation(db, odesk) -> Installation:
    return factories.installation(
        provider="odesk",
        credentials={"client_id": "cid", "client_secret": "secret-canary"},
        status=InstallationStatus.NEW,
    )
