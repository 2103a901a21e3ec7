"""Addresses of Intercom's API, below /intercom/<account>/."""

from django.urls import path

from sandbox.vendors.intercom import contacts, conversations, oauth, workspace
from sandbox.vendors.intercom.http import endpoint, nowhere

urlpatterns = [
    path("oauth", oauth.authorize, name="intercom-oauth"),
    path("auth/eagle/token", oauth.token),
    path("me", endpoint(get=workspace.me)),
    path("admins", endpoint(get=workspace.admins)),
    path("admins/<str:admin_id>", endpoint(get=workspace.admin)),
    path("teams", endpoint(get=workspace.teams)),
    path("teams/<str:team_id>", endpoint(get=workspace.team)),
    path("tags", endpoint(get=workspace.tags, post=workspace.create_tag)),
    path(
        "data_attributes",
        endpoint(get=workspace.data_attributes, post=workspace.create_data_attribute),
    ),
    path("contacts", endpoint(post=contacts.create)),
    path("contacts/search", endpoint(post=contacts.find)),
    path("contacts/merge", endpoint(post=contacts.merge)),
    path(
        "contacts/find_by_external_id/<path:external_id>",
        endpoint(get=contacts.find_by_external_id),
    ),
    path(
        "contacts/<str:contact_id>",
        endpoint(get=contacts.show, put=contacts.update, delete=contacts.delete),
    ),
    path("contacts/<str:contact_id>/archive", endpoint(post=contacts.archive)),
    path("contacts/<str:contact_id>/unarchive", endpoint(post=contacts.unarchive)),
    path("conversations", endpoint(get=conversations.listing, post=conversations.create)),
    path("conversations/search", endpoint(post=conversations.find)),
    path(
        "conversations/attributes",
        endpoint(
            get=workspace.conversation_attributes, post=workspace.create_conversation_attribute
        ),
    ),
    path(
        "conversations/<str:conversation_id>",
        endpoint(get=conversations.show, put=conversations.update, delete=conversations.delete),
    ),
    path("conversations/<str:conversation_id>/reply", endpoint(post=conversations.reply)),
    path("conversations/<str:conversation_id>/parts", endpoint(post=conversations.manage)),
    path("conversations/<str:conversation_id>/tags", endpoint(post=conversations.add_tag)),
    path(
        "conversations/<str:conversation_id>/tags/<str:tag_id>",
        endpoint(delete=conversations.remove_tag),
    ),
    path("", nowhere),
    path("<path:rest>", nowhere),
]
