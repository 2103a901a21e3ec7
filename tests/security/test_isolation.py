"""Nobody gets at another tenant's anything in the admin.

The pages, buttons, actions and forms are found, not listed: one without a place in the tables
below fails, and says so. Every page of an object is tried with the foreign tenant's, as each role.
"""

from __future__ import annotations

from typing import Any

import pytest
from django import forms
from django.contrib import admin
from django.contrib.admin.utils import get_fields_from_path, quote
from django.contrib.auth.models import Group
from django.db.models import ForeignKey, ManyToManyField, Model
from django.test import Client, RequestFactory
from django.urls import reverse

from conversations.models import Delivery
from hitl_bridge import roles
from hitl_bridge.admin.accounts import PlatformAdmin
from hitl_bridge.admin.base import TenantScopedAdmin
from hitl_bridge.models import Membership
from tests.security import routes
from tests.security.world import Side, changed, crossings, fingerprint

pytestmark = pytest.mark.django_db

# Pages of one object -> what follows its id in the address.
OF_AN_OBJECT: dict[str, list[str]] = {
    "change": [],
    "history": [],
    "delete": [],
    "act": ["no-such-button"],  # and every button that there is
    "simple_history": ["1"],
    "password_change": [],
    "options": ["team"],
}
OF_A_LIST = {"changelist", "add", "retry_since"}
ANSWERS_ANYBODY = {"redirect"}  # leads from an id to its page, which looks it up
# What somebody may see who is logged in, whoever it is; none of it is a tenant's.
OF_NO_TENANT = {
    "admin:index", "admin:login", "admin:logout", "admin:password_change",
    "admin:password_change_done", "admin:jsi18n", "admin:search", "admin:second-step",
    "admin:app_list",
}  # fmt: skip
TRIED_APART = {"admin:autocomplete", "admin:view_on_site"}
ROLES = ("operator", "support", "stranger")


def admins() -> list[tuple[type[Model], Any]]:
    return sorted(admin.site._registry.items(), key=lambda pair: pair[0]._meta.label)


def text_of(response: Any) -> str:
    content = b"".join(response) if response.streaming else response.content
    return content.decode(errors="replace") + str(response.headers)


def leaks(response: Any, foreign: Side) -> list[str]:
    text = text_of(response)
    return [trace for trace in foreign.traces() if trace in text]


def buttons_of(model_admin: Any, row: Model, person: Any) -> list[str]:
    """Every button that somebody who may do all would see."""
    request = RequestFactory().get("/")
    request.user = person
    found = getattr(model_admin, "object_actions", lambda *_: ())(request, row)
    return [button.name for button in found]


# --- everything has a place ----------------------------------------------------------------------


def test_every_page_of_the_admin_has_a_place_in_the_matrix() -> None:
    known = {*OF_AN_OBJECT, *OF_A_LIST, *ANSWERS_ANYBODY}
    lost = [route.name for route in routes.of_models() if route.kind not in known]
    assert not lost, f"say in tests/security/test_isolation.py how a foreign id is tried: {lost}"
    others = {route.name for route in routes.of_no_model() if route.path.startswith("admin/")}
    assert others - {""} == OF_NO_TENANT | TRIED_APART


def test_every_admin_is_scoped_or_the_platforms_alone() -> None:
    for model, one in admins():
        assert isinstance(one, TenantScopedAdmin | PlatformAdmin), model


def test_every_row_of_the_admin_is_in_the_world(own: Side) -> None:
    scoped = {model._meta.label for model, one in admins() if isinstance(one, TenantScopedAdmin)}
    assert scoped <= own.rows.keys(), "add a row of it to tests/security/world.py"


def test_the_theme_has_no_actions_that_the_matrix_does_not_know() -> None:
    for model, one in admins():
        for kind in ("list", "row", "detail", "submit_line"):
            assert not getattr(one, f"actions_{kind}"), f"{model}: use object_actions"


def test_rows_that_are_edited_within_others_offer_no_foreign_choices() -> None:
    for model, one in admins():
        for inline in one.inlines if isinstance(one, TenantScopedAdmin) else ():
            read_only = set(inline.fields) <= set(inline.readonly_fields)
            assert read_only, f"{model}: scope what {inline} offers, and try it here"


# --- objects -------------------------------------------------------------------------------------


def addresses_of(row: Model, person: Any) -> list[str]:
    """All pages of an object, and all its buttons."""
    found = []
    model_admin = admin.site._registry[type(row)]
    for route in routes.of_models():
        if route.model is not type(row) or route.kind not in OF_AN_OBJECT:
            continue
        rest = OF_AN_OBJECT[route.kind]
        ends = [*rest, *buttons_of(model_admin, row, person)] if route.kind == "act" else rest
        found += [
            reverse(route.name, args=[quote(row.pk), *([end] if end else [])])
            for end in ends or [""]
        ]
    return found


@pytest.mark.parametrize("role", ROLES)
def test_foreign_objects_do_not_exist(
    own: Side, foreign: Side, role: str, django_user_model: Any, caplog: pytest.LogCaptureFixture
) -> None:
    browser = own.client(role)
    superuser = django_user_model.objects.create_superuser("root")
    targets = [row for row in foreign.rows.values() if type(row) in admin.site._registry]
    addresses = [one for row in targets for one in addresses_of(row, superuser)]
    assert len(addresses) > 70
    before, failures = fingerprint(), {}
    for address in addresses:
        for answer in (browser.get(address), browser.post(address, {"post": "yes", "role": "x"})):
            if answer.status_code != 404 or leaks(answer, foreign):
                failures[address] = answer.status_code
    assert not failures
    assert not changed(before, fingerprint())
    for told in ("title", "text", "customer", "account"):
        assert f"{foreign.marker} {told}" not in caplog.text


def test_own_objects_exist(own: Side, foreign: Side) -> None:
    """Or the test above would be content with an admin that answers nothing."""
    browser = own.client("operator")
    for row in own.rows.values():
        if type(row) in admin.site._registry:
            meta = row._meta
            name = f"admin:{meta.app_label}_{meta.model_name}_change"
            answer = browser.get(reverse(name, args=[quote(row.pk)]))
            assert (answer.status_code, leaks(answer, foreign)) == (200, []), meta.label


# --- lists, search, filters ----------------------------------------------------------------------


def lists() -> list[str]:
    kinds = OF_A_LIST - {"add"}
    return [route.name for route in routes.of_models() if route.kind in kinds]


@pytest.mark.parametrize("role", ROLES)
def test_lists_and_searches_show_nothing_foreign(own: Side, foreign: Side, role: str) -> None:
    browser = own.client(role)
    seen = 0
    for name in lists():
        for query in ("", f"?q={foreign.marker}", f"?q={foreign.session.pk}", "?state=all"):
            answer = browser.get(reverse(name) + query)
            assert answer.status_code in {200, 302, 403}, name
            # What somebody searched for stands in the search's own field.
            found = set(leaks(answer, foreign)) - (
                {foreign.marker, foreign.session.pk} if "q=" in query else set()
            )
            assert not found, (name, query)
            if "q=" in query and answer.context and "cl" in answer.context:
                assert answer.context["cl"].result_count == 0, name
            seen += answer.status_code == 200
    assert (seen > 0) == (role != "stranger")


def test_an_operator_sees_their_own_rows_in_every_list(own: Side, foreign: Side) -> None:
    browser = own.client("operator")
    for label, row in own.rows.items():
        if type(row) in admin.site._registry:
            name = f"admin:{row._meta.app_label}_{row._meta.model_name}_changelist"
            answer = browser.get(reverse(name), {"state": "all"} if "delivery" in name else {})
            assert row in answer.context["cl"].queryset, label


def test_filters_offer_and_find_nothing_foreign(own: Side, foreign: Side) -> None:
    browser = own.client("operator")
    tried = 0
    for model, one in admins():
        if not isinstance(one, TenantScopedAdmin):
            continue
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        request = RequestFactory().get("/")
        request.user = own.people["operator"]
        for entry in one.get_list_filter(request):
            path = entry[0] if isinstance(entry, tuple) else entry
            if not isinstance(path, str):
                continue
            last = get_fields_from_path(model, path)[-1]
            kind = last.related_model
            row = foreign.rows.get(kind._meta.label) if kind else None
            if row:
                answer = browser.get(url, {f"{path}__id__exact": row.pk})
                assert not set(leaks(answer, foreign)) - {str(row.pk)}, (model, path)
                tried += 1
    assert tried > 10


@pytest.mark.parametrize("role", ROLES)
def test_pickers_of_the_admin_find_nothing_foreign(own: Side, foreign: Side, role: str) -> None:
    """Django's look-ups for autocomplete fields, whether a form uses them or not."""
    browser = own.client(role)
    for model, _ in admins():
        for relation in model._meta.get_fields():
            if isinstance(relation, ForeignKey | ManyToManyField):
                where = {
                    "app_label": model._meta.app_label,
                    "model_name": str(model._meta.model_name),
                    "field_name": relation.name,
                    "term": "zan",
                }
                answer = browser.get(reverse("admin:autocomplete"), where)
                assert answer.status_code in {200, 403}
                assert not leaks(answer, foreign), where


@pytest.mark.parametrize("role", ROLES)
def test_pages_of_no_tenant_show_nothing_foreign(own: Side, foreign: Side, role: str) -> None:
    browser = own.client(role)
    for name in sorted(OF_NO_TENANT - {"admin:logout"}):
        args = ["conversations"] if name == "admin:app_list" else []
        answer = browser.get(reverse(name, args=args), {"s": "zan"})
        assert answer.status_code in {200, 302, 404}, name
        assert not leaks(answer, foreign), name


def test_the_sidebar_counts_only_what_is_theirs(own: Side, foreign: Side) -> None:
    groups = own.client("operator").get("/admin/").context["sidebar_navigation"]
    badges = {item["title"]: item.get("badge") for group in groups for item in group["items"]}
    assert badges["Dead letters"] == "1"


def test_links_to_the_site_lead_nowhere_foreign(own: Side, foreign: Side) -> None:
    browser = own.client("operator")
    for row in foreign.rows.values():
        answer = browser.get(f"/admin/r/1/{quote(row.pk)}/")
        assert answer.status_code == 404


# --- actions and forms ---------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
def test_actions_touch_nothing_foreign(own: Side, foreign: Side, role: str) -> None:
    browser = own.client(role)
    before, tried = fingerprint(foreign.tenant), 0
    for model, one in admins():
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        row = foreign.rows.get(model._meta.label)
        for action in one.actions or ():
            name = action if isinstance(action, str) else action.__name__
            for across in ("0", "1"):
                data = {
                    "action": name, "reason": "because", "select_across": across,
                    "_selected_action": [str(row.pk) if row else "1"],
                }  # fmt: skip
                # Elsewhere the list knows no such filter, and leads away without trying.
                shown = f"{url}?state=all" if model is Delivery else url
                answer = browser.post(shown, data)
                assert "e=1" not in answer.get("Location", ""), (model, name)
                tried += 1
    assert tried
    assert not changed(before, fingerprint(foreign.tenant))


def test_an_action_touches_only_tenants_where_the_role_allows_it(own: Side, foreign: Side) -> None:
    """Somebody who is an operator here and support staff there sees both, and decides on one."""
    person = own.people["operator"]
    Membership.objects.create(user=person, tenant=foreign.tenant, role="support")
    browser = own.client("operator")
    dead = "conversations.Delivery"
    both = [str(side.rows[dead].pk) for side in (own, foreign)]
    url = "/admin/conversations/delivery/"
    assert browser.get(url).context["cl"].result_count == 2
    data = {"action": "drop_all", "reason": "because", "_selected_action": both}
    browser.post(url, data)
    own.rows[dead].refresh_from_db()
    foreign.rows[dead].refresh_from_db()
    assert [side.rows[dead].state for side in (own, foreign)] == ["dropped", "dead"]  # type: ignore[attr-defined]
    page = reverse("admin:conversations_delivery_act", args=[foreign.rows[dead].pk, "drop"])
    assert browser.post(page, {"reason": "because"}).status_code == 403
    bots = browser.get("/admin/hitl_bridge/bot/add/").context["adminform"].form.fields["tenant"]
    assert list(bots.queryset) == [own.tenant]


def forms_of(own: Side, browser: Client) -> list[tuple[str, Any]]:
    """Every form that an operator can fill in: to add something, to change something."""
    found = []
    for model, _ in admins():
        base = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        pages = [reverse(f"{base}_add") + "?provider=fake"]
        if row := own.rows.get(model._meta.label):
            pages.append(reverse(f"{base}_change", args=[quote(row.pk)]))
        for page in pages:
            answer = browser.get(page)
            if answer.status_code == 200 and answer.context and "adminform" in answer.context:
                found.append((page, answer.context["adminform"].form))
    return found


def test_forms_offer_and_take_nothing_foreign(own: Side, foreign: Side) -> None:
    browser = own.client("operator")
    before, tried = fingerprint(foreign.tenant), []
    for page, form in forms_of(own, browser):
        for name, one in form.fields.items():
            if not isinstance(one, forms.ModelChoiceField):
                continue
            offered = one.queryset
            assert offered is not None
            row = foreign.rows[offered.model._meta.label]
            assert row not in offered.all(), (page, name)
            values = {key: field.initial or "x" for key, field in form.fields.items()}
            answer = browser.post(page, {**values, name: row.pk})
            assert answer.status_code in {200, 403}, (page, name)
            assert name in answer.context["adminform"].form.errors, (page, name)
            tried.append(name)
    assert {"tenant", "bot", "app", "user"} <= set(tried)
    assert not changed(before, fingerprint(foreign.tenant))
    assert not crossings()


# --- who gets in at all --------------------------------------------------------------------------


def test_strangers_to_the_site_are_sent_to_the_login(own: Side, foreign: Side) -> None:
    for route in routes.everything():
        if route.path.startswith("admin/") and "<" not in route.path and "^" not in route.path:
            if route.name in {"admin:login", "admin:logout"} or not route.name:
                continue
            answer = Client().get(f"/{route.path}")
            assert answer.status_code == 302, route
            assert "/admin/login/" in answer["Location"]


def test_a_platform_operator_reaches_everything(
    own: Side, foreign: Side, django_user_model
) -> None:
    person = django_user_model.objects.create_user("pia", is_staff=True)
    person.groups.set(Group.objects.filter(name=roles.PLATFORM))
    browser = Client()
    browser.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    for label, row in {**own.rows, **foreign.rows}.items():
        if type(row) in admin.site._registry:
            name = f"admin:{row._meta.app_label}_{row._meta.model_name}_change"
            assert browser.get(reverse(name, args=[quote(row.pk)])).status_code == 200, label
    for model, _ in admins():
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
        assert browser.get(reverse(name)).status_code == 200, name
