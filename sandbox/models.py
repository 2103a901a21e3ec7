"""What an imitated help desk remembers, in words that fit every vendor.

Vendor words (admin, visitor, thread, ...) appear in sandbox/vendors/<vendor>/ only.
"""

from __future__ import annotations

import secrets
from typing import Any

from django.db import models, transaction
from django.db.models import F, Q


class Row(models.Model):
    """A table of the sandbox; it has no admin, so a row is named for debugging only."""

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{type(self).__name__} {self.pk}"


class Account(Row):
    """One customer's workspace at one imitated vendor."""

    vendor = models.CharField(max_length=20)
    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=100)
    credentials = models.JSONField(default=dict)
    settings = models.JSONField(default=dict)
    webhook_url = models.CharField(max_length=500, blank=True)
    webhook_state = models.CharField(max_length=20, default="active")  # active | disabled
    webhook_note = models.CharField(max_length=200, blank=True)  # why, in plain words
    counter = models.PositiveBigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    def next_number(self) -> int:
        """The next id of this account: numbers repeat across accounts, as at real vendors."""
        with transaction.atomic():
            Account.objects.filter(pk=self.pk).update(counter=F("counter") + 1)
            return Account.objects.values_list("counter", flat=True).get(pk=self.pk)

    def setting(self, name: str, default: Any = None) -> Any:
        """One value of `settings`."""
        return self.settings.get(name, default)


class Agent(Row):
    """A human who works in the inbox, or the vendor's own bot."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="agents")
    vendor_id = models.CharField(max_length=60)
    name = models.CharField(max_length=100)
    email = models.CharField(max_length=200)
    avatar_url = models.CharField(max_length=500, blank=True)
    is_bot = models.BooleanField(default=False)
    away = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "vendor_id"], name="one_agent")]


class Team(Row):
    """A group of agents that a ticket can be given to."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="teams")
    vendor_id = models.CharField(max_length=60)
    name = models.CharField(max_length=100)
    agents = models.ManyToManyField(Agent, related_name="teams")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "vendor_id"], name="one_team")]


class Contact(Row):
    """A customer as the help desk knows them."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="contacts")
    vendor_id = models.CharField(max_length=60)
    role = models.CharField(max_length=20, default="user")
    external_id = models.CharField(max_length=255, blank=True)
    email = models.CharField(max_length=255, blank=True)
    name = models.CharField(max_length=255, blank=True)
    phone = models.CharField(max_length=60, blank=True)
    avatar_url = models.CharField(max_length=1000, blank=True)
    attributes = models.JSONField(default=dict)
    archived = models.BooleanField(default=False)
    blocked = models.BooleanField(default=False)
    merged_into = models.ForeignKey("self", on_delete=models.SET_NULL, null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "vendor_id"], name="one_contact"),
            models.UniqueConstraint(
                fields=["account", "external_id"],
                condition=~Q(external_id="") & Q(merged_into__isnull=True),
                name="one_contact_per_external_id",
            ),
        ]


class Ticket(Row):
    """One conversation in the help desk."""

    OPEN, CLOSED, SNOOZED = "open", "closed", "snoozed"

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="tickets")
    vendor_id = models.CharField(max_length=60)
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="tickets")
    title = models.CharField(max_length=255, blank=True)
    state = models.CharField(max_length=20, default=OPEN)
    snoozed_until = models.DateTimeField(null=True)
    agent = models.ForeignKey(Agent, on_delete=models.SET_NULL, null=True)
    team = models.ForeignKey(Team, on_delete=models.SET_NULL, null=True)
    tags = models.JSONField(default=list)  # [{"id", "name", "applied_at", "agent_id"}]
    attributes = models.JSONField(default=dict)
    read = models.BooleanField(default=False)
    waiting_since = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "vendor_id"], name="one_ticket")]
        indexes = [models.Index(fields=["account", "-updated_at"], name="newest_ticket")]


class Part(Row):
    """One line of a ticket's history: something said, or something done."""

    class Type(models.TextChoices):
        """What happened. FIRST is the customer's opening message."""

        FIRST = "first"
        COMMENT = "comment"
        NOTE = "note"
        ASSIGNMENT = "assignment"
        CLOSE = "close"
        OPEN = "open"
        SNOOZED = "snoozed"
        UNSNOOZED = "unsnoozed"

    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="parts")
    vendor_id = models.CharField(max_length=60)
    type = models.CharField(max_length=20, choices=Type.choices)
    author_kind = models.CharField(max_length=20)  # contact | agent | bot
    author = models.JSONField(default=dict)  # {"id", "name", "email"} as they were then
    html = models.TextField(blank=True)
    text = models.TextField(blank=True)
    attachments = models.JSONField(default=list)  # [{"name", "url", "content_type", "size"}]
    assigned_to = models.JSONField(null=True)  # {"kind": "agent" | "team" | "nobody", "id"}
    state = models.CharField(max_length=20, default=Ticket.OPEN)  # of the ticket, afterwards
    via_api = models.BooleanField(default=False)
    redacted = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]


class Tag(Row):
    """A tag of an account."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="tags")
    vendor_id = models.CharField(max_length=60)
    name = models.CharField(max_length=255)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "name"], name="one_tag")]


def new_token() -> str:
    """An address part that cannot be guessed."""
    return secrets.token_urlsafe(16)


class StoredFile(Row):
    """A file that someone attached; in the database so that a crash loses neither half."""

    token = models.CharField(max_length=40, unique=True, default=new_token)
    name = models.CharField(max_length=255)
    content_type = models.CharField(max_length=100)
    data = models.BinaryField()
    expires_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)


class OutgoingWebhook(Row):
    """A webhook to send. The row is written with the change that it reports, so none is lost."""

    DUE, DELIVERED, LOST = "due", "delivered", "lost"

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="webhooks")
    lane = models.CharField(max_length=80)  # rows of one lane are sent one after another
    topic = models.CharField(max_length=80)
    payload = models.JSONField()
    state = models.CharField(max_length=20, default=DUE)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    first_sent_at = models.DateTimeField(null=True)
    body = models.TextField(blank=True)  # what was sent last, with its headers
    headers = models.JSONField(default=dict)
    status = models.PositiveIntegerField(null=True)
    error = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["state", "next_attempt_at"], name="due_webhook")]


class FaultRule(Row):
    """Something that is to go wrong, for tests and demonstrations."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="faults")
    kind = models.CharField(max_length=30)
    method = models.CharField(max_length=10, blank=True)  # empty: any
    path = models.CharField(max_length=200, blank=True)  # regular expression; or webhook topic
    remaining = models.PositiveIntegerField(null=True)  # None: until removed
    probability = models.FloatField(default=1.0)
    seed = models.IntegerField(default=0)
    seconds = models.FloatField(default=0)  # of slow, timeout, delay; until reset of a 429
    seen = models.PositiveIntegerField(default=0)  # matching events looked at
    hits = models.PositiveIntegerField(default=0)  # of those, made to fail


class RecordedRequest(Row):
    """A call that the vendor's API received. Only the newest are kept."""

    KEPT = 1000

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="requests")
    method = models.CharField(max_length=10)
    path = models.CharField(max_length=500)  # below the account's base address, with query
    headers = models.JSONField(default=dict)
    body = models.TextField(blank=True)
    status = models.PositiveIntegerField(null=True)
    response = models.TextField(blank=True)
    fault = models.CharField(max_length=30, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)


class DemoChat(Row):
    """A customer's chat with the demo bot, in one browser."""

    BOT, QUEUED, HUMAN = "bot", "queued", "human"

    token = models.CharField(max_length=40, unique=True, default=new_token)
    name = models.CharField(max_length=100)
    email = models.CharField(max_length=200, blank=True)
    mode = models.CharField(max_length=10, default=BOT)
    sessions = models.PositiveIntegerField(default=0)  # handoffs so far
    user_id = models.CharField(max_length=80, blank=True)  # the bridge's
    conversations = models.JSONField(default=dict)  # session number to the bridge's conversation
    agent_name = models.CharField(max_length=100, blank=True)
    typing_until = models.DateTimeField(null=True)
    last_sequence = models.IntegerField(default=0)  # of the current session's events
    created_at = models.DateTimeField(auto_now_add=True)

    def bot_conversation_id(self, session: int) -> str:
        """Names a handoff towards the bridge, so that starting it twice starts it once."""
        return f"demo-{self.token}-{session}"


class DemoMessage(Row):
    """One bubble or system line of a demo chat."""

    chat = models.ForeignKey(DemoChat, on_delete=models.CASCADE, related_name="messages")
    author = models.CharField(max_length=10)  # customer | bot | agent | system
    name = models.CharField(max_length=100, blank=True)
    type = models.CharField(max_length=20, default="text")
    payload = models.JSONField(default=dict)
    status = models.CharField(max_length=10, blank=True)  # sending|sent|read|failed
    remote_id = models.CharField(max_length=80, blank=True)  # the bridge's
    client_id = models.CharField(max_length=60, blank=True)  # the browser's, so a retry adds none
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["chat", "client_id"], condition=~Q(client_id=""), name="one_demo_message"
            )
        ]


class DemoCall(Row):
    """A call that the demo bot owes the bridge; sent in order per chat, until it succeeds."""

    DUE, DONE, FAILED = "due", "done", "failed"

    chat = models.ForeignKey(DemoChat, on_delete=models.CASCADE, related_name="calls")
    session = models.PositiveIntegerField()
    action = models.CharField(max_length=20)  # createUser | startHitl | message | stopHitl
    payload = models.JSONField(default=dict)
    message = models.ForeignKey(DemoMessage, on_delete=models.CASCADE, null=True)
    key = models.CharField(max_length=40, default=new_token)  # Idempotency-Key
    state = models.CharField(max_length=10, default=DUE)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    error = models.CharField(max_length=200, blank=True)


class DemoEvent(Row):
    """A callback of the bridge. Kept before it is answered; applied once, in order."""

    event_id = models.CharField(max_length=80, unique=True)
    chat = models.ForeignKey(DemoChat, on_delete=models.CASCADE, null=True, related_name="events")
    session = models.PositiveIntegerField(default=0)
    sequence = models.IntegerField(default=0)
    type = models.CharField(max_length=40)
    data = models.JSONField(default=dict)
    applied = models.BooleanField(default=False)
    received_at = models.DateTimeField(auto_now_add=True)
