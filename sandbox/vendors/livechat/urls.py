"""Addresses of LiveChat, below /livechat/<account>/: of the API host and the accounts host alike.

api_base_url and auth_base_url are the same.
"""

from django.urls import path

from sandbox.vendors.livechat import accounts, agent, configuration, customer
from sandbox.vendors.livechat.http import action

METHODS = {
    "customer": customer.METHODS,
    "agent": agent.METHODS,
    "configuration": configuration.METHODS,
}

urlpatterns = [
    path("", accounts.authorize),
    path("v2/token", accounts.token),
    path("v2/info", accounts.info),
    path("v2/customer/token", accounts.customer_token),
    path("v2/customer/info", accounts.customer_info),
    path("v<str:version>/<str:api>/action/<str:method>", action(METHODS)),
]
