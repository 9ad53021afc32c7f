"""Fermata in Python: launch, watch, pause, correct and answer agents, and serve tools to them.

``Client`` has every command. ``Worker`` serves tools. ``messages`` are the messages of the protocol, which replies
consist of. ``FermataError`` is what goes wrong.
"""
from . import fermata_pb2 as messages
from ._call import CurrentCall, Pause, ToolError, current_call
from ._content import Attachment
from ._schema import schema_of
from ._tail import Tail, Text
from ._worker import Worker
from ._client import Client
from ._errors import BadReply, FermataError, NotRunning, TimedOut, TooLarge

__all__ = [
    "Attachment",
    "BadReply",
    "Client",
    "CurrentCall",
    "FermataError",
    "NotRunning",
    "Pause",
    "Tail",
    "Text",
    "TimedOut",
    "TooLarge",
    "ToolError",
    "Worker",
    "current_call",
    "messages",
    "schema_of",
]
