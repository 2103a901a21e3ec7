"""Addresses of the sandbox."""

from django.urls import include, path

from sandbox import control_views as control
from sandbox import files, inbox, vendors
from sandbox.demo import views as demo
from sandbox.pages import alive, landing

ACCOUNT = "control/accounts/<slug:slug>"

urlpatterns = [
    path("", landing, name="landing"),
    path("alive", alive),
    path("demo/", demo.page, name="demo"),
    path("demo/both/", demo.both, name="both"),
    path("demo/both/troubles", demo.troubles_now),
    path("demo/both/troubles/<slug:what>", demo.trouble),
    path("demo/data", demo.data),
    path("demo/messages", demo.messages),
    path("demo/end", demo.end),
    path("demo/aside/<slug:what>", demo.aside),
    path("demo/restart", demo.restart),
    path("demo/callback", demo.callback),
    path("inbox/<slug:slug>/", inbox.page, name="inbox"),
    path("inbox/<slug:slug>/data", inbox.data),
    path("inbox/<slug:slug>/tickets/<str:ticket>/<str:action>", inbox.do),
    path("files/<str:token>/<path:name>", files.serve),
    path("control/accounts", control.accounts),
    path(ACCOUNT, control.account),
    path(f"{ACCOUNT}/reset", control.reset),
    path(f"{ACCOUNT}/agents", control.agents),
    path(f"{ACCOUNT}/agents/<str:agent_id>", control.change_agent),
    path(f"{ACCOUNT}/contacts", control.contacts),
    path(f"{ACCOUNT}/contacts/<str:contact>", control.contact),
    path(f"{ACCOUNT}/tickets", control.tickets),
    path(f"{ACCOUNT}/tickets/<str:ticket>", control.ticket),
    path(f"{ACCOUNT}/tickets/<str:ticket>/<str:action>", inbox.do),
    path(f"{ACCOUNT}/requests", control.requests),
    path(f"{ACCOUNT}/webhooks", control.hooks),
    path(f"{ACCOUNT}/faults", control.fault_rules),
    *(
        path(f"{slug}/<slug:account>/", include(vendors.get(slug).urlconf))
        for slug in vendors.VENDORS
    ),
]
