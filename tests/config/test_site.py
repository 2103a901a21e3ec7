import asyncio
import threading

import pytest
from asgiref.sync import iscoroutinefunction
from django.conf import settings as django_settings
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client
from django.test.utils import override_settings
from django.urls import path
from django.utils.module_loading import import_string
from pytest_django.fixtures import Settings

THREADS: list[int] = []


async def wait(request: HttpRequest) -> HttpResponse:
    """Wait as a listener for events does."""
    await asyncio.sleep(0.3)
    THREADS.append(threading.active_count())
    return HttpResponse("waited")


urlpatterns = [path("wait", wait)]


@pytest.mark.parametrize("name", django_settings.MIDDLEWARE)
def test_no_middleware_holds_a_thread_in_async(name: str) -> None:
    async def next_one(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    middleware = import_string(name)
    assert middleware.async_capable
    assert iscoroutinefunction(middleware(next_one))


@override_settings(ROOT_URLCONF=__name__)
async def test_listeners_that_wait_cost_no_thread_each() -> None:
    THREADS.clear()
    listeners = (AsyncClient().get("/wait", secure=True) for _ in range(40))
    responses = await asyncio.gather(*listeners)
    assert [response.status_code for response in responses] == [200] * 40
    assert max(THREADS) < 40


@pytest.mark.django_db
def test_metrics_are_open_without_a_token(client: Client) -> None:
    response = client.get("/metrics", secure=True)
    assert response.status_code == 200
    assert b"django_http_requests" in response.content


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("header", "status"),
    [(None, 401), ("Bearer wrong", 401), ("Bearer ümlaut", 401), ("Bearer right", 200)],
)
def test_metrics_ask_for_the_token(
    client: Client, settings: Settings, header: str | None, status: int
) -> None:
    settings.METRICS_TOKEN = "right"
    headers = {"Authorization": header} if header else {}
    assert client.get("/metrics", secure=True, headers=headers).status_code == status


@pytest.mark.django_db
def test_metrics_answer_head(client: Client) -> None:
    assert client.head("/metrics", secure=True).status_code == 200


@pytest.mark.parametrize("address", ["/api/docs/", "/api/schema/"])
@pytest.mark.parametrize("method", ["get", "head"])
def test_docs_are_served(client: Client, address: str, method: str) -> None:
    assert getattr(client, method)(address, secure=True).status_code == 200


def test_docs_load_nothing_from_elsewhere(client: Client) -> None:
    page = client.get("/api/docs/", secure=True).content.decode()
    assert "drf_spectacular_sidecar" in page
    assert 'src="http' not in page
    assert 'href="http' not in page


def test_static_files_are_served_without_being_collected(client: Client) -> None:
    response = client.get("/static/unfold/css/styles.css", secure=True)
    assert response.status_code == 200
    assert b"".join(response)


def test_a_missing_slash_is_mended_in_the_admin(client: Client) -> None:
    assert client.get("/admin", secure=True).status_code == 301


@pytest.mark.parametrize(
    "address", ["/webhooks/intercom/x", "/api/v1/actions/startHitl", "/botpress/x/ping"]
)
@pytest.mark.django_db
def test_machines_are_never_redirected(client: Client, address: str) -> None:
    for secure in (True, False):
        response = client.post(address, data="{}", content_type="application/json", secure=secure)
        assert response.status_code not in {301, 302, 307, 308}


def test_browsers_are_sent_to_https_in_the_admin(client: Client) -> None:
    response = client.get("/admin/login/", secure=False)
    assert response.status_code == 301
    assert response["Location"].startswith("https://")


@pytest.mark.django_db
def test_admin_login_is_shown(client: Client) -> None:
    assert client.get("/admin/login/", secure=True).status_code == 200
