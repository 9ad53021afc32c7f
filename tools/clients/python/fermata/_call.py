"""A call while its function runs, and the questions that it may end with."""
from __future__ import annotations

import contextvars
import json
import threading
from typing import Any, Callable, Optional, Sequence

from . import _names as names
from . import fermata_pb2 as pb
from ._schema import schema_of


class CurrentCall:
    """The call that a tool's function runs for. Threads: any."""

    def __init__(self, call: pb.Call, run: str, workspace: str, show: Callable[[str], None]) -> None:
        #: The run's id.
        self.run = run
        #: The call's number in the run.
        self.number = call.number
        #: 1 for the first time that the call is executed.
        self.attempt = call.attempt
        self.tool = call.tool
        #: The exact JSON text.
        self.arguments = call.arguments
        #: The directory that the run works in. It may be on another machine.
        self.workspace = workspace
        self._show = show
        self._cancelled = threading.Event()

    @property
    def cancelled(self) -> bool:
        """Nothing that the function does counts any more: it was interrupted, stopped, or lost its lease. It should
        come to its end."""
        return self._cancelled.is_set()

    def wait_cancelled(self, timeout: Optional[float] = None) -> bool:
        """Waits until the call is cancelled, at most so many seconds; whether it is."""
        return self._cancelled.wait(timeout)

    def show(self, text: str) -> None:
        """Shows a piece of output to whoever watches the run. It is not journaled."""
        self._show(text)


_current: "contextvars.ContextVar[CurrentCall]" = contextvars.ContextVar("fermata-call")


def current_call() -> CurrentCall:
    """The call that this code runs for. Raises ``LookupError`` outside of a tool's function."""
    return _current.get()


class Pause(Exception):
    """Returned or raised by a tool's function: people are asked, and their answer becomes the call's result, which may
    take days. The function is not called again.

    The answer is free text, or ``yes_no``, one of ``choices``, or JSON that fits ``schema`` (a type, or a JSON Schema).
    ``deadline`` is in seconds from now; then ``default`` is the answer, or without it the call fails.
    """

    def __init__(
        self,
        question: str,
        *,
        context: str = "",
        urgency: names.Urgency = "NORMAL",
        yes_no: bool = False,
        choices: Sequence[str] = (),
        schema: Any = None,
        deadline: Optional[float] = None,
        default: Optional[str] = None,
    ) -> None:
        super().__init__(question)
        if yes_no + bool(choices) + (schema is not None) > 1:
            raise ValueError("an answer has one format: yes_no, choices or schema")
        if default is not None and deadline is None:
            raise ValueError("a default answer needs a deadline")
        form = pb.YES_NO if yes_no else pb.CHOICE if choices else pb.FREE_TEXT if schema is None else pb.JSON
        at_deadline = pb.NEVER if deadline is None else pb.REJECT_IT if default is None else pb.DEFAULT
        self.question = pb.Question(
            question=question,
            context=context,
            urgency=urgency,
            format=pb.AnswerFormat(form=form, choices=choices, schema=_schema_text(schema)),
            deadline_ms=round((deadline or 0) * 1000),
            at_deadline=at_deadline,
            default_answer=default or "",
        )


class ToolError(Exception):
    """Raised by a tool's function: its text, and nothing else, is what the model is told. Of any other exception it is
    told the type, too."""


def _schema_text(schema: Any) -> str:
    if schema is None or isinstance(schema, str):
        return schema or ""
    return json.dumps(schema if isinstance(schema, dict) else schema_of(schema))
