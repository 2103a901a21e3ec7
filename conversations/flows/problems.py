"""What a caller did wrong, in words that name the field."""

from __future__ import annotations


class FlowError(Exception):
    """The request can't be carried out; `field` is what to mend, in the caller's spelling."""

    status = 400

    def __init__(self, detail: str, *, field: str = "", **more: str) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field
        self.more = more  # further members of the problem, e.g. the conversation that is open


class NotFound(FlowError):
    """There is no such thing, or it is another's."""

    status = 404


class Conflict(FlowError):
    """It does not go with the state that things are in."""

    status = 409
