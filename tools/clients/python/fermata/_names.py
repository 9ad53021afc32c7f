"""Names of the schema's enum values, which methods take as text beside the values themselves."""
from __future__ import annotations

from typing import Any, Literal, Mapping, Union

from . import fermata_pb2 as pb

Status = Union[
    Literal["IDLE", "RUNNING", "PAUSING", "PAUSED", "WAITING", "FINISHED", "FAILED", "STOPPED"], pb.Status
]
Delivery = Union[Literal["NEXT_STEP", "NOW", "WHEN_IDLE"], pb.Delivery]
HoldAt = Union[Literal["UNSPECIFIED", "NONE", "SELECTION"], pb.HoldPoint.At]
Urgency = Union[Literal["LOW", "NORMAL", "HIGH", "CRITICAL"], pb.Urgency]
Scope = Union[Literal["READ", "OPERATE", "ADMIN"], pb.Scope]
Verdict = Union[
    Literal[
        "VERDICT_UNSPECIFIED", "APPROVE", "EDIT", "REJECT", "RUN_AGAIN", "TAKE_RESULT", "TELL_UNKNOWN", "RAISE", "GO_ON", "GUIDE", "END_TURN",
        "USE_MODEL",
    ],
    pb.Verdict,
]

#: A message of the schema, or a dictionary in protobuf's JSON mapping of it.
Fields = Mapping[str, Any]
Policy = Union[pb.Policy, Fields]
Limits = Union[pb.Limits, Fields]
Agent = Union[pb.Agent, Fields]
ToolSpec = Union[pb.ToolSpec, Fields]
ModelOptions = Union[pb.ModelOptions, Fields]
Condition = Union[pb.Condition, Fields]
Question = Union[pb.Question, Fields]
