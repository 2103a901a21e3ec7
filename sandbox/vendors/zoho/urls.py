"""Addresses of SalesIQ's API and of the accounts server, below /zoho/<account>/."""

from django.urls import path

from sandbox.vendors.zoho import account, conversations, hooks, oauth, visitor
from sandbox.vendors.zoho.http import endpoint, nowhere

V1 = "api/visitor/v1/<str:screen>"
V2 = "api/v2/<str:screen>"
CHAT = f"{V2}/conversations/<str:conversation_id>"
HOOK = f"{V2}/webhooks/<str:webhook_id>"
READ, CREATE, UPDATE = "conversations.READ", "conversations.CREATE", "conversations.UPDATE"

urlpatterns = [
    path("oauth/v2/org/auth", oauth.org_authorize),
    path("oauth/v2/auth", oauth.user_authorize),
    path("oauth/v2/token", oauth.token),
    path("oauth/v2/token/revoke", oauth.revoke),
    path("oauth/v2/revoke/token", oauth.revoke),
    path(f"{V1}/conversations", endpoint(org=True, post=(CREATE, visitor.open_chat))),
    path(
        f"{V1}/conversations/<str:conversation_id>/messages",
        endpoint(org=True, post=(CREATE, visitor.say)),
    ),
    path(
        "visitor/v2/<str:screen>/conversations/<str:visitor_conversation_id>/close",
        endpoint(org=True, put=(UPDATE, visitor.leave), post=(UPDATE, visitor.leave)),
    ),
    path(f"{V2}/conversations", endpoint(get=(READ, conversations.listing))),
    path(CHAT, endpoint(get=(READ, conversations.show))),
    path(
        f"{CHAT}/messages",
        endpoint(get=(READ, conversations.messages), post=(CREATE, conversations.say)),
    ),
    path(f"{CHAT}/attachments/<str:attachment_id>", endpoint(get=(READ, conversations.attachment))),
    path(f"{CHAT}/close", endpoint(put=(UPDATE, conversations.close))),
    path(f"{CHAT}/transfer", endpoint(put=(UPDATE, conversations.transfer))),
    path(f"{V2}/apps", endpoint(get=("apps.READ", account.apps))),
    path(f"{V2}/apps/<str:app_id>", endpoint(get=("apps.READ", account.app))),
    path(f"{V2}/departments", endpoint(get=("departments.READ", account.departments))),
    path(
        f"{V2}/departments/<str:department_id>",
        endpoint(get=("departments.READ", account.department)),
    ),
    path(f"{V2}/operators", endpoint(get=("operators.READ", account.operators))),
    path(f"{V2}/operators/<str:operator_id>", endpoint(get=("operators.READ", account.operator))),
    path(
        f"{V2}/webhooks",
        endpoint(get=("webhooks.READ", hooks.listing), post=("webhooks.CREATE", hooks.create)),
    ),
    path(
        HOOK,
        endpoint(get=("webhooks.READ", hooks.show), delete=("webhooks.DELETE", hooks.delete)),
    ),
    path(f"{HOOK}/keys", endpoint(post=("webhooks.CREATE", hooks.create_key))),
    path(f"{HOOK}/keys/<str:key_id>", endpoint(delete=("webhooks.DELETE", hooks.delete_key))),
    path(
        f"{HOOK}/executions",
        endpoint(get=("webhooks.READ", hooks.executions), post=("webhooks.CREATE", hooks.retry)),
    ),
    path(f"{HOOK}/executions/<str:execution_id>", endpoint(post=("webhooks.CREATE", hooks.retry))),
    path("", nowhere),
    path("<path:rest>", nowhere),
]
