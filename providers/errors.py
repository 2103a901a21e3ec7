"""What can go wrong with a help desk, by what is to be done about it.

ProviderError
├── Retry              later, by the engine's schedule or the vendor's Retry-After
│   ├── RateLimited    the whole installation waits
│   ├── Unavailable    the vendor is down or out of reach
│   └── OutcomeUnknown the vendor may have carried it out: look before repeating
├── Reconnect          the token is dead: the installation's lanes pause until it is connected again
├── Misconfigured      a setting is wrong: likewise, until an operator has mended it
├── Gone               the ticket is gone: the session ends
└── Permanent          this message can't be delivered: dead letter
CannotAsk              (not a ProviderError) nobody can say whether a step was carried out
InvalidWebhook         (not a ProviderError) the request is not the vendor's, or can't be read
├── BadSignature
└── BadPayload

`detail` is shown to operators and logged: it never holds a secret or a message's text.
"""

from __future__ import annotations


class ProviderError(Exception):
    """The help desk did not do what was asked."""

    def __init__(self, detail: str = "", *, code: str = "", status: int | None = None) -> None:
        self.detail = detail or (self.__doc__ or "").strip()
        self.code = code  # the vendor's error code
        self.status = status  # the HTTP status
        super().__init__(self.detail)


class Retry(ProviderError):
    """The help desk can't take this now."""

    def __init__(
        self,
        detail: str = "",
        *,
        retry_after: float | None = None,
        code: str = "",
        status: int | None = None,
    ) -> None:
        super().__init__(detail, code=code, status=status)
        self.retry_after = retry_after  # seconds


class RateLimited(Retry):
    """The help desk's rate limit is reached."""


class Unavailable(Retry):
    """The help desk is out of reach; nothing was carried out."""


class OutcomeUnknown(Retry):
    """The help desk may or may not have carried this out."""


class Reconnect(ProviderError):
    """The access to the account has been withdrawn or has run out: connect it again."""


class Misconfigured(ProviderError):
    """A setting of the installation is wrong."""

    def __init__(
        self, detail: str = "", *, field: str = "", code: str = "", status: int | None = None
    ) -> None:
        super().__init__(detail, code=code, status=status)
        self.field = field  # the declared field's name, where one is to blame


class Gone(ProviderError):
    """The ticket no longer exists or takes no more messages."""


class Permanent(ProviderError):
    """The help desk will never take this."""


class CannotAsk(Exception):
    """The help desk does not tell whether a step was carried out: repeat it, shown as doubtful."""


class InvalidWebhook(Exception):
    """The request does not come from the vendor, or can't be read."""


class BadSignature(InvalidWebhook):
    """The signature is missing, wrong or too old."""


class BadPayload(InvalidWebhook):
    """The body is not what the vendor sends."""
