"""What can go wrong between a program and a Fermata server."""
from __future__ import annotations

from typing import Dict, Mapping, Optional

from . import fermata_pb2 as pb


class FermataError(Exception):
    """A server refused a request, and nothing was changed by it; or, as one of the subclasses here, the server could
    not be talked to.

    protocol/README.md lists the codes with their causes and remedies. The list grows: act on ``class_`` and
    ``retryable`` for a code that you do not know.
    """

    #: For programs, for example ``WRONG_STATUS``.
    code: str
    #: ``INVALID``, ``NOT_FOUND``, ``STATE``, ``UNAVAILABLE`` or ``INTERNAL``; ``CLIENT`` for the subclasses here.
    class_: str
    #: For people. Never repeats what was sent.
    message: str
    #: The same request may succeed later without anyone changing anything.
    retryable: bool
    #: When to try again, in milliseconds; 0: the server does not say.
    retry_after_ms: int
    #: Names and values for programs: ``field``, ``status``, ``seq`` and others.
    details: Dict[str, str]

    def __init__(
        self,
        code: str,
        class_: str,
        message: str,
        retryable: bool = False,
        retry_after_ms: int = 0,
        details: Optional[Mapping[str, str]] = None,
    ) -> None:
        super().__init__(f"{message} [{code}]")
        self.code = code
        self.class_ = class_
        self.message = message
        self.retryable = retryable
        self.retry_after_ms = retry_after_ms
        self.details = dict(details or {})

    def __str__(self) -> str:
        return f"{self.message} [{self.code}]"


class NotRunning(FermataError, ConnectionError):
    """No server listens there, or it cannot be connected to."""

    def __init__(self, url: str, why: str = "") -> None:
        message = f"no connection to {url}: {why}" if why else f"no server listens at {url}"
        super().__init__("NOT_RUNNING", "CLIENT", message, retryable=True)


class TimedOut(FermataError, TimeoutError):
    """No reply came in time. The request may have been acted upon."""

    def __init__(self, message: str = "the server did not answer in time") -> None:
        super().__init__("TIMED_OUT", "CLIENT", message, retryable=True)


class BadReply(FermataError):
    """What came is not a reply of this protocol."""

    def __init__(self, message: str) -> None:
        super().__init__("BAD_REPLY", "CLIENT", f"the reply cannot be understood: {message}")


class TooLarge(FermataError):
    """The request is larger than a message may be, and was not sent."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__("TOO_LARGE", "CLIENT", f"the request has {size} bytes, more than the {limit} of a message")


def refusal(error: pb.Error) -> FermataError:
    """The exception that stands for a server's Error."""
    return FermataError(
        code=error.code,
        class_=getattr(error, "class"),
        message=error.message,
        retryable=error.retryable,
        retry_after_ms=error.retry_after_ms,
        details={entry.key: entry.value for entry in error.details},
    )
