from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

ADMIN: Scope
ALLOW: Gate
ANSWER: FrameType
ANSWER_FORM_UNSPECIFIED: AnswerForm
ANSWER_VIA_UNSPECIFIED: AnswerVia
APPROVAL: AskKind
APPROVE: Verdict
ASK: Gate
ASKING: CallState
ASK_KIND_UNSPECIFIED: AskKind
ASK_PEOPLE: WhenUnknown
AT_DEADLINE_UNSPECIFIED: AtDeadline
AUTH: FrameType
BUDGET: AskKind
BUILT_IN: ToolOrigin
BY_CRASH: CutCause
BY_INTERRUPT: CutCause
BY_MESSAGE: CutCause
BY_MOVE: CutCause
BY_PARENT: HoldCause
BY_RESUME: LiftCause
BY_SHUTDOWN: CutCause
BY_STOP: CutCause
BY_TIME: LiftCause
BY_TOKEN: LiftCause
CALL_CANCELLED: CallOutcome
CALL_DENIED: CallOutcome
CALL_FAILED: CallOutcome
CALL_FINISHED: CallOutcome
CALL_INTERRUPTED: CallOutcome
CALL_OUTCOME_UNSPECIFIED: CallOutcome
CALL_REJECTED: CallOutcome
CALL_STATE_UNSPECIFIED: CallState
CALL_SUPERSEDED: CallOutcome
CALL_TIMED_OUT: CallOutcome
CALL_UNKNOWN: CallOutcome
CHOICE: AnswerForm
COMPLETE: Ending
COMPLETE_CALL: FrameType
CORE: ToolOrigin
CREATE_TOKEN: FrameType
CRITICAL: Urgency
CUT_CAUSE_UNSPECIFIED: CutCause
DECIDE_CALL: FrameType
DEFAULT: AtDeadline
DELIVERY_UNSPECIFIED: Delivery
DENY: Gate
DESCRIPTOR: _descriptor.FileDescriptor
EDIT: Verdict
ENDED: CallState
ENDING_UNSPECIFIED: Ending
END_TURN: Verdict
ERROR: FrameType
EVENT: FrameType
EXPORT: FrameType
EXTEND_CALL: FrameType
FAILED: Status
FINISHED: Status
FORK: FrameType
FORKED: HoldCause
FRAME_TYPE_UNSPECIFIED: FrameType
FREE_TEXT: AnswerForm
GATE_UNSPECIFIED: Gate
GET_AGENT: FrameType
GET_BLOB: FrameType
GET_RUN: FrameType
GET_USAGE: FrameType
GO_ON: Verdict
GUIDE: Verdict
HELLO: FrameType
HIGH: Urgency
HOLD_CAUSE_UNSPECIFIED: HoldCause
IDLE: Status
IMPORT: FrameType
IMPORTED: HoldCause
INTERRUPT: FrameType
INTERRUPTED: HoldCause
JSON: AnswerForm
LAUNCH: FrameType
LIFTED_BY_PARENT: LiftCause
LIFT_CAUSE_UNSPECIFIED: LiftCause
LIMIT: AskKind
LIST_AGENTS: FrameType
LIST_ASKS: FrameType
LIST_RUNS: FrameType
LIST_TOKENS: FrameType
LIST_TOOLS: FrameType
LOW: Urgency
NEVER: AtDeadline
NEXT_STEP: Delivery
NORMAL: Urgency
NOW: Delivery
OPERATE: Scope
OUTCOME: AskKind
PAUSE: FrameType
PAUSED: Status
PAUSING: Status
PUT_AGENT: FrameType
PUT_BLOB: FrameType
QUESTION: AskKind
RAISE: Verdict
READ: Scope
READ_EVENTS: FrameType
REFUSED: Ending
REGISTER_TOOLS: FrameType
REJECT: Verdict
REJECT_IT: AtDeadline
REQUESTED: HoldCause
RESUME: FrameType
REVOKE_TOKEN: FrameType
RUNNING: Status
RUN_AGAIN: Verdict
SCOPE_UNSPECIFIED: Scope
SELECTED: CallState
SELECTION: HoldCause
SEND: FrameType
SET_BUDGET: FrameType
SET_POLICY: FrameType
STARTED: CallState
START_CALL: FrameType
STATS: FrameType
STATUS_CHANGED: FrameType
STATUS_UNSPECIFIED: Status
STOP: FrameType
STOPPED: Status
STUCK: AskKind
TAKE_CALLS: FrameType
TAKE_RESULT: Verdict
TELL_MODEL: WhenUnknown
TELL_UNKNOWN: Verdict
TEXT_DELTA: FrameType
TICK: FrameType
TOOL_ORIGIN_UNSPECIFIED: ToolOrigin
TRUNCATED: Ending
URGENCY_UNSPECIFIED: Urgency
USE_MODEL: Verdict
VERDICT_UNSPECIFIED: Verdict
VIA_COMMAND: AnswerVia
VIA_DEADLINE: AnswerVia
VIA_IMPORT: AnswerVia
VIA_TOKEN: AnswerVia
WAITING: Status
WHEN_IDLE: Delivery
WHEN_UNKNOWN_UNSPECIFIED: WhenUnknown
WITHDRAW: FrameType
WORKER: ToolOrigin
YES_NO: AnswerForm

class Agent(_message.Message):
    __slots__ = ["description", "fallback_models", "limits", "model", "model_attempts", "model_options", "name", "patience_ms", "policy", "system_prompt", "tools", "worker_tools"]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    FALLBACK_MODELS_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    MODEL_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    MODEL_OPTIONS_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PATIENCE_MS_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_PROMPT_FIELD_NUMBER: _ClassVar[int]
    TOOLS_FIELD_NUMBER: _ClassVar[int]
    WORKER_TOOLS_FIELD_NUMBER: _ClassVar[int]
    description: str
    fallback_models: _containers.RepeatedScalarFieldContainer[str]
    limits: Limits
    model: str
    model_attempts: int
    model_options: ModelOptions
    name: str
    patience_ms: int
    policy: Policy
    system_prompt: str
    tools: _containers.RepeatedScalarFieldContainer[str]
    worker_tools: _containers.RepeatedCompositeFieldContainer[ToolSpec]
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., model: _Optional[str] = ..., model_options: _Optional[_Union[ModelOptions, _Mapping]] = ..., system_prompt: _Optional[str] = ..., tools: _Optional[_Iterable[str]] = ..., model_attempts: _Optional[int] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., policy: _Optional[_Union[Policy, _Mapping]] = ..., worker_tools: _Optional[_Iterable[_Union[ToolSpec, _Mapping]]] = ..., fallback_models: _Optional[_Iterable[str]] = ..., patience_ms: _Optional[int] = ...) -> None: ...

class Answer(_message.Message):
    __slots__ = ["arguments", "arguments_sha256", "ask", "by", "if_seq", "limits", "reason", "request_id", "run", "sticky", "text", "token", "verdict"]
    ARGUMENTS_FIELD_NUMBER: _ClassVar[int]
    ARGUMENTS_SHA256_FIELD_NUMBER: _ClassVar[int]
    ASK_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    IF_SEQ_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    STICKY_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    arguments: str
    arguments_sha256: str
    ask: int
    by: str
    if_seq: int
    limits: Limits
    reason: str
    request_id: str
    run: str
    sticky: Sticky
    text: str
    token: str
    verdict: Verdict
    def __init__(self, request_id: _Optional[str] = ..., by: _Optional[str] = ..., reason: _Optional[str] = ..., if_seq: _Optional[int] = ..., run: _Optional[str] = ..., ask: _Optional[int] = ..., text: _Optional[str] = ..., verdict: _Optional[_Union[Verdict, str]] = ..., arguments: _Optional[str] = ..., arguments_sha256: _Optional[str] = ..., sticky: _Optional[_Union[Sticky, _Mapping]] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., token: _Optional[str] = ...) -> None: ...

class AnswerFormat(_message.Message):
    __slots__ = ["choices", "form", "schema"]
    CHOICES_FIELD_NUMBER: _ClassVar[int]
    FORM_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_FIELD_NUMBER: _ClassVar[int]
    choices: _containers.RepeatedScalarFieldContainer[str]
    form: AnswerForm
    schema: str
    def __init__(self, form: _Optional[_Union[AnswerForm, str]] = ..., choices: _Optional[_Iterable[str]] = ..., schema: _Optional[str] = ...) -> None: ...

class Ask(_message.Message):
    __slots__ = ["agent", "answer_url", "arguments", "arguments_sha256", "at_deadline", "call", "context", "deadline_at", "default_answer", "format", "kind", "number", "opened_at", "question", "run", "token", "tool", "urgency"]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    ANSWER_URL_FIELD_NUMBER: _ClassVar[int]
    ARGUMENTS_FIELD_NUMBER: _ClassVar[int]
    ARGUMENTS_SHA256_FIELD_NUMBER: _ClassVar[int]
    AT_DEADLINE_FIELD_NUMBER: _ClassVar[int]
    CALL_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_AT_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_ANSWER_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    OPENED_AT_FIELD_NUMBER: _ClassVar[int]
    QUESTION_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOOL_FIELD_NUMBER: _ClassVar[int]
    URGENCY_FIELD_NUMBER: _ClassVar[int]
    agent: str
    answer_url: str
    arguments: str
    arguments_sha256: str
    at_deadline: AtDeadline
    call: int
    context: str
    deadline_at: int
    default_answer: str
    format: AnswerFormat
    kind: AskKind
    number: int
    opened_at: int
    question: str
    run: str
    token: str
    tool: str
    urgency: Urgency
    def __init__(self, run: _Optional[str] = ..., number: _Optional[int] = ..., kind: _Optional[_Union[AskKind, str]] = ..., question: _Optional[str] = ..., context: _Optional[str] = ..., call: _Optional[int] = ..., opened_at: _Optional[int] = ..., urgency: _Optional[_Union[Urgency, str]] = ..., format: _Optional[_Union[AnswerFormat, _Mapping]] = ..., deadline_at: _Optional[int] = ..., at_deadline: _Optional[_Union[AtDeadline, str]] = ..., default_answer: _Optional[str] = ..., tool: _Optional[str] = ..., arguments: _Optional[str] = ..., arguments_sha256: _Optional[str] = ..., agent: _Optional[str] = ..., token: _Optional[str] = ..., answer_url: _Optional[str] = ...) -> None: ...

class AskAnswered(_message.Message):
    __slots__ = ["arguments", "gate", "limits", "number", "text", "verdict", "via"]
    ARGUMENTS_FIELD_NUMBER: _ClassVar[int]
    GATE_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    VIA_FIELD_NUMBER: _ClassVar[int]
    arguments: str
    gate: Gate
    limits: Limits
    number: int
    text: str
    verdict: Verdict
    via: AnswerVia
    def __init__(self, number: _Optional[int] = ..., text: _Optional[str] = ..., verdict: _Optional[_Union[Verdict, str]] = ..., arguments: _Optional[str] = ..., via: _Optional[_Union[AnswerVia, str]] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., gate: _Optional[_Union[Gate, str]] = ...) -> None: ...

class AskClosed(_message.Message):
    __slots__ = ["expired", "number", "outcome"]
    EXPIRED_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    expired: bool
    number: int
    outcome: CallOutcome
    def __init__(self, number: _Optional[int] = ..., outcome: _Optional[_Union[CallOutcome, str]] = ..., expired: bool = ...) -> None: ...

class AskOpened(_message.Message):
    __slots__ = ["arguments", "arguments_sha256", "at_deadline", "call", "context", "deadline_at", "default_answer", "format", "kind", "number", "question", "tool", "urgency"]
    ARGUMENTS_FIELD_NUMBER: _ClassVar[int]
    ARGUMENTS_SHA256_FIELD_NUMBER: _ClassVar[int]
    AT_DEADLINE_FIELD_NUMBER: _ClassVar[int]
    CALL_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_AT_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_ANSWER_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    QUESTION_FIELD_NUMBER: _ClassVar[int]
    TOOL_FIELD_NUMBER: _ClassVar[int]
    URGENCY_FIELD_NUMBER: _ClassVar[int]
    arguments: str
    arguments_sha256: str
    at_deadline: AtDeadline
    call: int
    context: str
    deadline_at: int
    default_answer: str
    format: AnswerFormat
    kind: AskKind
    number: int
    question: str
    tool: str
    urgency: Urgency
    def __init__(self, number: _Optional[int] = ..., kind: _Optional[_Union[AskKind, str]] = ..., question: _Optional[str] = ..., context: _Optional[str] = ..., call: _Optional[int] = ..., urgency: _Optional[_Union[Urgency, str]] = ..., format: _Optional[_Union[AnswerFormat, _Mapping]] = ..., deadline_at: _Optional[int] = ..., at_deadline: _Optional[_Union[AtDeadline, str]] = ..., default_answer: _Optional[str] = ..., tool: _Optional[str] = ..., arguments: _Optional[str] = ..., arguments_sha256: _Optional[str] = ...) -> None: ...

class Auth(_message.Message):
    __slots__ = ["token"]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    token: str
    def __init__(self, token: _Optional[str] = ...) -> None: ...

class AuthReply(_message.Message):
    __slots__ = ["name", "scope"]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    name: str
    scope: Scope
    def __init__(self, scope: _Optional[_Union[Scope, str]] = ..., name: _Optional[str] = ...) -> None: ...

class Blob(_message.Message):
    __slots__ = ["bytes", "media_type", "name", "sha256"]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    bytes: int
    media_type: str
    name: str
    sha256: str
    def __init__(self, sha256: _Optional[str] = ..., bytes: _Optional[int] = ..., media_type: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class Block(_message.Message):
    __slots__ = ["call", "file", "image", "json", "opaque", "reasoning", "text"]
    CALL_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    JSON_FIELD_NUMBER: _ClassVar[int]
    OPAQUE_FIELD_NUMBER: _ClassVar[int]
    REASONING_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    call: int
    file: Blob
    image: Blob
    json: str
    opaque: str
    reasoning: str
    text: int
    def __init__(self, text: _Optional[int] = ..., reasoning: _Optional[str] = ..., call: _Optional[int] = ..., opaque: _Optional[str] = ..., image: _Optional[_Union[Blob, _Mapping]] = ..., file: _Optional[_Union[Blob, _Mapping]] = ..., json: _Optional[str] = ...) -> None: ...

class Call(_message.Message):
    __slots__ = ["approved", "arguments", "arguments_sha256", "ask", "attempt", "edited", "gate", "model_id", "number", "outcome", "state", "step", "tool", "worker"]
    APPROVED_FIELD_NUMBER: _ClassVar[int]
    ARGUMENTS_FIELD_NUMBER: _ClassVar[int]
    ARGUMENTS_SHA256_FIELD_NUMBER: _ClassVar[int]
    ASK_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    EDITED_FIELD_NUMBER: _ClassVar[int]
    GATE_FIELD_NUMBER: _ClassVar[int]
    MODEL_ID_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    TOOL_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    approved: bool
    arguments: str
    arguments_sha256: str
    ask: int
    attempt: int
    edited: bool
    gate: Gate
    model_id: str
    number: int
    outcome: CallOutcome
    state: CallState
    step: int
    tool: str
    worker: str
    def __init__(self, number: _Optional[int] = ..., tool: _Optional[str] = ..., arguments: _Optional[str] = ..., model_id: _Optional[str] = ..., state: _Optional[_Union[CallState, str]] = ..., outcome: _Optional[_Union[CallOutcome, str]] = ..., ask: _Optional[int] = ..., step: _Optional[int] = ..., arguments_sha256: _Optional[str] = ..., approved: bool = ..., edited: bool = ..., gate: _Optional[_Union[Gate, str]] = ..., attempt: _Optional[int] = ..., worker: _Optional[str] = ...) -> None: ...

class CallEdited(_message.Message):
    __slots__ = ["arguments", "gate", "number"]
    ARGUMENTS_FIELD_NUMBER: _ClassVar[int]
    GATE_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    arguments: str
    gate: Gate
    number: int
    def __init__(self, number: _Optional[int] = ..., arguments: _Optional[str] = ..., gate: _Optional[_Union[Gate, str]] = ...) -> None: ...

class CallEnded(_message.Message):
    __slots__ = ["attempt", "blocks", "exit_code", "killing", "number", "omitted_bytes", "outcome", "output", "repaired"]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    BLOCKS_FIELD_NUMBER: _ClassVar[int]
    EXIT_CODE_FIELD_NUMBER: _ClassVar[int]
    KILLING_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    OMITTED_BYTES_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    REPAIRED_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    blocks: _containers.RepeatedCompositeFieldContainer[Block]
    exit_code: int
    killing: bool
    number: int
    omitted_bytes: int
    outcome: CallOutcome
    output: str
    repaired: bool
    def __init__(self, number: _Optional[int] = ..., attempt: _Optional[int] = ..., outcome: _Optional[_Union[CallOutcome, str]] = ..., output: _Optional[str] = ..., exit_code: _Optional[int] = ..., omitted_bytes: _Optional[int] = ..., repaired: bool = ..., killing: bool = ..., blocks: _Optional[_Iterable[_Union[Block, _Mapping]]] = ...) -> None: ...

class CallGate(_message.Message):
    __slots__ = ["gate", "number"]
    GATE_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    gate: Gate
    number: int
    def __init__(self, number: _Optional[int] = ..., gate: _Optional[_Union[Gate, str]] = ...) -> None: ...

class CallGone(_message.Message):
    __slots__ = ["attempt", "number"]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    number: int
    def __init__(self, number: _Optional[int] = ..., attempt: _Optional[int] = ...) -> None: ...

class CallLost(_message.Message):
    __slots__ = ["attempt", "number", "output"]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    number: int
    output: str
    def __init__(self, number: _Optional[int] = ..., attempt: _Optional[int] = ..., output: _Optional[str] = ...) -> None: ...

class CallOffer(_message.Message):
    __slots__ = ["arguments", "attempt", "call", "run", "tool", "workspace"]
    ARGUMENTS_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    CALL_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    TOOL_FIELD_NUMBER: _ClassVar[int]
    WORKSPACE_FIELD_NUMBER: _ClassVar[int]
    arguments: str
    attempt: int
    call: int
    run: str
    tool: str
    workspace: str
    def __init__(self, run: _Optional[str] = ..., call: _Optional[int] = ..., attempt: _Optional[int] = ..., tool: _Optional[str] = ..., arguments: _Optional[str] = ..., workspace: _Optional[str] = ...) -> None: ...

class CallStarted(_message.Message):
    __slots__ = ["attempt", "number", "worker"]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    number: int
    worker: str
    def __init__(self, number: _Optional[int] = ..., attempt: _Optional[int] = ..., worker: _Optional[str] = ...) -> None: ...

class ChildLaunched(_message.Message):
    __slots__ = ["run"]
    RUN_FIELD_NUMBER: _ClassVar[int]
    run: str
    def __init__(self, run: _Optional[str] = ...) -> None: ...

class CommandReply(_message.Message):
    __slots__ = ["call", "changed", "lease_until", "message", "resume_token", "run", "workspace"]
    CALL_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    LEASE_UNTIL_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    WORKSPACE_FIELD_NUMBER: _ClassVar[int]
    call: Call
    changed: bool
    lease_until: int
    message: int
    resume_token: str
    run: RunSummary
    workspace: str
    def __init__(self, run: _Optional[_Union[RunSummary, _Mapping]] = ..., changed: bool = ..., message: _Optional[int] = ..., resume_token: _Optional[str] = ..., call: _Optional[_Union[Call, _Mapping]] = ..., lease_until: _Optional[int] = ..., workspace: _Optional[str] = ...) -> None: ...

class CompleteCall(_message.Message):
    __slots__ = ["attempt", "blocks", "by", "call", "error", "if_seq", "pause", "reason", "request_id", "result", "run", "worker"]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    BLOCKS_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    CALL_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    IF_SEQ_FIELD_NUMBER: _ClassVar[int]
    PAUSE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    blocks: _containers.RepeatedCompositeFieldContainer[Block]
    by: str
    call: int
    error: str
    if_seq: int
    pause: Question
    reason: str
    request_id: str
    result: str
    run: str
    worker: str
    def __init__(self, request_id: _Optional[str] = ..., by: _Optional[str] = ..., reason: _Optional[str] = ..., if_seq: _Optional[int] = ..., run: _Optional[str] = ..., call: _Optional[int] = ..., attempt: _Optional[int] = ..., worker: _Optional[str] = ..., result: _Optional[str] = ..., error: _Optional[str] = ..., pause: _Optional[_Union[Question, _Mapping]] = ..., blocks: _Optional[_Iterable[_Union[Block, _Mapping]]] = ...) -> None: ...

class Condition(_message.Message):
    __slots__ = ["equals", "greater", "less", "matches", "pointer"]
    EQUALS_FIELD_NUMBER: _ClassVar[int]
    GREATER_FIELD_NUMBER: _ClassVar[int]
    LESS_FIELD_NUMBER: _ClassVar[int]
    MATCHES_FIELD_NUMBER: _ClassVar[int]
    POINTER_FIELD_NUMBER: _ClassVar[int]
    equals: str
    greater: float
    less: float
    matches: str
    pointer: str
    def __init__(self, pointer: _Optional[str] = ..., equals: _Optional[str] = ..., greater: _Optional[float] = ..., less: _Optional[float] = ..., matches: _Optional[str] = ...) -> None: ...

class CreateToken(_message.Message):
    __slots__ = ["by", "expires_at", "name", "reason", "request_id", "scope"]
    BY_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    by: str
    expires_at: int
    name: str
    reason: str
    request_id: str
    scope: Scope
    def __init__(self, request_id: _Optional[str] = ..., by: _Optional[str] = ..., reason: _Optional[str] = ..., name: _Optional[str] = ..., scope: _Optional[_Union[Scope, str]] = ..., expires_at: _Optional[int] = ...) -> None: ...

class CreateTokenReply(_message.Message):
    __slots__ = ["secret", "token"]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    secret: str
    token: Token
    def __init__(self, token: _Optional[_Union[Token, _Mapping]] = ..., secret: _Optional[str] = ...) -> None: ...

class DecideCall(_message.Message):
    __slots__ = ["arguments", "arguments_sha256", "by", "call", "if_seq", "reason", "request_id", "run", "text", "verdict"]
    ARGUMENTS_FIELD_NUMBER: _ClassVar[int]
    ARGUMENTS_SHA256_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    CALL_FIELD_NUMBER: _ClassVar[int]
    IF_SEQ_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    arguments: str
    arguments_sha256: str
    by: str
    call: int
    if_seq: int
    reason: str
    request_id: str
    run: str
    text: str
    verdict: Verdict
    def __init__(self, request_id: _Optional[str] = ..., by: _Optional[str] = ..., reason: _Optional[str] = ..., if_seq: _Optional[int] = ..., run: _Optional[str] = ..., call: _Optional[int] = ..., verdict: _Optional[_Union[Verdict, str]] = ..., text: _Optional[str] = ..., arguments: _Optional[str] = ..., arguments_sha256: _Optional[str] = ...) -> None: ...

class Error(_message.Message):
    __slots__ = ["code", "details", "message", "retry_after_ms", "retryable"]
    CLASS_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    RETRYABLE_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    code: str
    details: _containers.RepeatedCompositeFieldContainer[LabelEntry]
    message: str
    retry_after_ms: int
    retryable: bool
    def __init__(self, code: _Optional[str] = ..., message: _Optional[str] = ..., retryable: bool = ..., retry_after_ms: _Optional[int] = ..., details: _Optional[_Iterable[_Union[LabelEntry, _Mapping]]] = ..., **kwargs) -> None: ...

class Event(_message.Message):
    __slots__ = ["ask_answered", "ask_closed", "ask_opened", "at", "by", "call_edited", "call_ended", "call_gone", "call_lost", "call_started", "child_launched", "clock_lead", "forked", "handed_off", "held", "hold_at_set", "hold_lifted", "imported", "launched", "limit_reached", "limits_set", "message_queued", "message_withdrawn", "model_answered", "model_called", "model_cut", "model_failed", "model_set", "offset", "policy_set", "reason", "retried", "run", "seq", "stopped", "truncated"]
    ASK_ANSWERED_FIELD_NUMBER: _ClassVar[int]
    ASK_CLOSED_FIELD_NUMBER: _ClassVar[int]
    ASK_OPENED_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    CALL_EDITED_FIELD_NUMBER: _ClassVar[int]
    CALL_ENDED_FIELD_NUMBER: _ClassVar[int]
    CALL_GONE_FIELD_NUMBER: _ClassVar[int]
    CALL_LOST_FIELD_NUMBER: _ClassVar[int]
    CALL_STARTED_FIELD_NUMBER: _ClassVar[int]
    CHILD_LAUNCHED_FIELD_NUMBER: _ClassVar[int]
    CLOCK_LEAD_FIELD_NUMBER: _ClassVar[int]
    FORKED_FIELD_NUMBER: _ClassVar[int]
    HANDED_OFF_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    HOLD_AT_SET_FIELD_NUMBER: _ClassVar[int]
    HOLD_LIFTED_FIELD_NUMBER: _ClassVar[int]
    IMPORTED_FIELD_NUMBER: _ClassVar[int]
    LAUNCHED_FIELD_NUMBER: _ClassVar[int]
    LIMITS_SET_FIELD_NUMBER: _ClassVar[int]
    LIMIT_REACHED_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_QUEUED_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_WITHDRAWN_FIELD_NUMBER: _ClassVar[int]
    MODEL_ANSWERED_FIELD_NUMBER: _ClassVar[int]
    MODEL_CALLED_FIELD_NUMBER: _ClassVar[int]
    MODEL_CUT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FAILED_FIELD_NUMBER: _ClassVar[int]
    MODEL_SET_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    POLICY_SET_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    RETRIED_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    STOPPED_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    ask_answered: AskAnswered
    ask_closed: AskClosed
    ask_opened: AskOpened
    at: int
    by: str
    call_edited: CallEdited
    call_ended: CallEnded
    call_gone: CallGone
    call_lost: CallLost
    call_started: CallStarted
    child_launched: ChildLaunched
    clock_lead: int
    forked: Forked
    handed_off: HandedOff
    held: Held
    hold_at_set: HoldAtSet
    hold_lifted: HoldLifted
    imported: Imported
    launched: Launched
    limit_reached: LimitReached
    limits_set: LimitsSet
    message_queued: MessageQueued
    message_withdrawn: MessageWithdrawn
    model_answered: ModelAnswered
    model_called: ModelCalled
    model_cut: ModelCut
    model_failed: ModelFailed
    model_set: ModelSet
    offset: int
    policy_set: PolicySet
    reason: str
    retried: Retried
    run: str
    seq: int
    stopped: Stopped
    truncated: bool
    def __init__(self, run: _Optional[str] = ..., seq: _Optional[int] = ..., offset: _Optional[int] = ..., at: _Optional[int] = ..., truncated: bool = ..., by: _Optional[str] = ..., reason: _Optional[str] = ..., clock_lead: _Optional[int] = ..., launched: _Optional[_Union[Launched, _Mapping]] = ..., message_queued: _Optional[_Union[MessageQueued, _Mapping]] = ..., message_withdrawn: _Optional[_Union[MessageWithdrawn, _Mapping]] = ..., model_called: _Optional[_Union[ModelCalled, _Mapping]] = ..., model_answered: _Optional[_Union[ModelAnswered, _Mapping]] = ..., model_cut: _Optional[_Union[ModelCut, _Mapping]] = ..., model_failed: _Optional[_Union[ModelFailed, _Mapping]] = ..., call_started: _Optional[_Union[CallStarted, _Mapping]] = ..., call_ended: _Optional[_Union[CallEnded, _Mapping]] = ..., call_gone: _Optional[_Union[CallGone, _Mapping]] = ..., ask_opened: _Optional[_Union[AskOpened, _Mapping]] = ..., ask_answered: _Optional[_Union[AskAnswered, _Mapping]] = ..., ask_closed: _Optional[_Union[AskClosed, _Mapping]] = ..., held: _Optional[_Union[Held, _Mapping]] = ..., hold_lifted: _Optional[_Union[HoldLifted, _Mapping]] = ..., retried: _Optional[_Union[Retried, _Mapping]] = ..., stopped: _Optional[_Union[Stopped, _Mapping]] = ..., call_lost: _Optional[_Union[CallLost, _Mapping]] = ..., limit_reached: _Optional[_Union[LimitReached, _Mapping]] = ..., call_edited: _Optional[_Union[CallEdited, _Mapping]] = ..., policy_set: _Optional[_Union[PolicySet, _Mapping]] = ..., limits_set: _Optional[_Union[LimitsSet, _Mapping]] = ..., model_set: _Optional[_Union[ModelSet, _Mapping]] = ..., hold_at_set: _Optional[_Union[HoldAtSet, _Mapping]] = ..., handed_off: _Optional[_Union[HandedOff, _Mapping]] = ..., forked: _Optional[_Union[Forked, _Mapping]] = ..., imported: _Optional[_Union[Imported, _Mapping]] = ..., child_launched: _Optional[_Union[ChildLaunched, _Mapping]] = ...) -> None: ...

class Export(_message.Message):
    __slots__ = ["after", "by", "handoff", "if_seq", "reason", "request_id", "run"]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    HANDOFF_FIELD_NUMBER: _ClassVar[int]
    IF_SEQ_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    after: str
    by: str
    handoff: bool
    if_seq: int
    reason: str
    request_id: str
    run: str
    def __init__(self, request_id: _Optional[str] = ..., by: _Optional[str] = ..., reason: _Optional[str] = ..., if_seq: _Optional[int] = ..., run: _Optional[str] = ..., handoff: bool = ..., after: _Optional[str] = ...) -> None: ...

class ExportReply(_message.Message):
    __slots__ = ["next", "text"]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    next: str
    text: str
    def __init__(self, text: _Optional[str] = ..., next: _Optional[str] = ...) -> None: ...

class ExtendCall(_message.Message):
    __slots__ = ["attempt", "call", "lease_ms", "output", "run", "worker"]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    CALL_FIELD_NUMBER: _ClassVar[int]
    LEASE_MS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    call: int
    lease_ms: int
    output: str
    run: str
    worker: str
    def __init__(self, run: _Optional[str] = ..., call: _Optional[int] = ..., attempt: _Optional[int] = ..., worker: _Optional[str] = ..., lease_ms: _Optional[int] = ..., output: _Optional[str] = ...) -> None: ...

class ExtendCallReply(_message.Message):
    __slots__ = ["lease_until"]
    LEASE_UNTIL_FIELD_NUMBER: _ClassVar[int]
    lease_until: int
    def __init__(self, lease_until: _Optional[int] = ...) -> None: ...

class Failure(_message.Message):
    __slots__ = ["http_status", "kind", "message", "retry_after_ms", "retryable", "will_repeat"]
    HTTP_STATUS_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    RETRYABLE_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    WILL_REPEAT_FIELD_NUMBER: _ClassVar[int]
    http_status: int
    kind: str
    message: str
    retry_after_ms: int
    retryable: bool
    will_repeat: bool
    def __init__(self, kind: _Optional[str] = ..., message: _Optional[str] = ..., http_status: _Optional[int] = ..., retryable: bool = ..., retry_after_ms: _Optional[int] = ..., will_repeat: bool = ...) -> None: ...

class Fork(_message.Message):
    __slots__ = ["arguments", "at", "by", "call", "if_seq", "message", "reason", "request_id", "run", "start", "text", "workspace"]
    ARGUMENTS_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    CALL_FIELD_NUMBER: _ClassVar[int]
    IF_SEQ_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    WORKSPACE_FIELD_NUMBER: _ClassVar[int]
    arguments: str
    at: int
    by: str
    call: int
    if_seq: int
    message: int
    reason: str
    request_id: str
    run: str
    start: bool
    text: str
    workspace: str
    def __init__(self, request_id: _Optional[str] = ..., by: _Optional[str] = ..., reason: _Optional[str] = ..., if_seq: _Optional[int] = ..., run: _Optional[str] = ..., at: _Optional[int] = ..., start: bool = ..., message: _Optional[int] = ..., text: _Optional[str] = ..., call: _Optional[int] = ..., arguments: _Optional[str] = ..., workspace: _Optional[str] = ...) -> None: ...

class Forked(_message.Message):
    __slots__ = ["at", "own_workspace", "source", "workspace"]
    AT_FIELD_NUMBER: _ClassVar[int]
    OWN_WORKSPACE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    WORKSPACE_FIELD_NUMBER: _ClassVar[int]
    at: int
    own_workspace: bool
    source: str
    workspace: str
    def __init__(self, source: _Optional[str] = ..., at: _Optional[int] = ..., workspace: _Optional[str] = ..., own_workspace: bool = ...) -> None: ...

class GetAgent(_message.Message):
    __slots__ = ["name"]
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetAgentReply(_message.Message):
    __slots__ = ["agent"]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    agent: StoredAgent
    def __init__(self, agent: _Optional[_Union[StoredAgent, _Mapping]] = ...) -> None: ...

class GetBlob(_message.Message):
    __slots__ = ["sha256"]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    sha256: str
    def __init__(self, sha256: _Optional[str] = ...) -> None: ...

class GetBlobReply(_message.Message):
    __slots__ = ["data"]
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    def __init__(self, data: _Optional[bytes] = ...) -> None: ...

class GetRun(_message.Message):
    __slots__ = ["calls", "run", "until", "wait_ms"]
    CALLS_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    WAIT_MS_FIELD_NUMBER: _ClassVar[int]
    calls: bool
    run: str
    until: _containers.RepeatedScalarFieldContainer[Status]
    wait_ms: int
    def __init__(self, run: _Optional[str] = ..., until: _Optional[_Iterable[_Union[Status, str]]] = ..., wait_ms: _Optional[int] = ..., calls: bool = ...) -> None: ...

class GetRunReply(_message.Message):
    __slots__ = ["calls", "matched", "policy", "queued", "run", "served_tools"]
    CALLS_FIELD_NUMBER: _ClassVar[int]
    MATCHED_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    SERVED_TOOLS_FIELD_NUMBER: _ClassVar[int]
    calls: _containers.RepeatedCompositeFieldContainer[Call]
    matched: bool
    policy: Policy
    queued: _containers.RepeatedCompositeFieldContainer[QueuedMessage]
    run: RunSummary
    served_tools: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, run: _Optional[_Union[RunSummary, _Mapping]] = ..., matched: bool = ..., calls: _Optional[_Iterable[_Union[Call, _Mapping]]] = ..., queued: _Optional[_Iterable[_Union[QueuedMessage, _Mapping]]] = ..., served_tools: _Optional[_Iterable[str]] = ..., policy: _Optional[_Union[Policy, _Mapping]] = ...) -> None: ...

class GetUsage(_message.Message):
    __slots__ = ["after", "agent", "run", "since_at", "until_at"]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    SINCE_AT_FIELD_NUMBER: _ClassVar[int]
    UNTIL_AT_FIELD_NUMBER: _ClassVar[int]
    after: int
    agent: str
    run: str
    since_at: int
    until_at: int
    def __init__(self, run: _Optional[str] = ..., agent: _Optional[str] = ..., since_at: _Optional[int] = ..., until_at: _Optional[int] = ..., after: _Optional[int] = ...) -> None: ...

class GetUsageReply(_message.Message):
    __slots__ = ["next", "rows"]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    next: int
    rows: _containers.RepeatedCompositeFieldContainer[UsageRow]
    def __init__(self, rows: _Optional[_Iterable[_Union[UsageRow, _Mapping]]] = ..., next: _Optional[int] = ...) -> None: ...

class HandedOff(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class Held(_message.Message):
    __slots__ = ["cause", "owner", "resume_at", "token_sha256"]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    RESUME_AT_FIELD_NUMBER: _ClassVar[int]
    TOKEN_SHA256_FIELD_NUMBER: _ClassVar[int]
    cause: HoldCause
    owner: str
    resume_at: int
    token_sha256: bytes
    def __init__(self, cause: _Optional[_Union[HoldCause, str]] = ..., resume_at: _Optional[int] = ..., token_sha256: _Optional[bytes] = ..., owner: _Optional[str] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ["client"]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    client: str
    def __init__(self, client: _Optional[str] = ...) -> None: ...

class HelloReply(_message.Message):
    __slots__ = ["default_model", "events_url", "instance", "last_offset", "max_connections", "max_frames", "max_message_bytes", "max_published_bytes", "max_wait_ms", "now_at", "protocol_version", "server", "text_url"]
    DEFAULT_MODEL_FIELD_NUMBER: _ClassVar[int]
    EVENTS_URL_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    LAST_OFFSET_FIELD_NUMBER: _ClassVar[int]
    MAX_CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    MAX_FRAMES_FIELD_NUMBER: _ClassVar[int]
    MAX_MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_PUBLISHED_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_WAIT_MS_FIELD_NUMBER: _ClassVar[int]
    NOW_AT_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    SERVER_FIELD_NUMBER: _ClassVar[int]
    TEXT_URL_FIELD_NUMBER: _ClassVar[int]
    default_model: str
    events_url: str
    instance: str
    last_offset: int
    max_connections: int
    max_frames: int
    max_message_bytes: int
    max_published_bytes: int
    max_wait_ms: int
    now_at: int
    protocol_version: int
    server: str
    text_url: str
    def __init__(self, server: _Optional[str] = ..., instance: _Optional[str] = ..., protocol_version: _Optional[int] = ..., max_message_bytes: _Optional[int] = ..., max_wait_ms: _Optional[int] = ..., max_published_bytes: _Optional[int] = ..., last_offset: _Optional[int] = ..., now_at: _Optional[int] = ..., events_url: _Optional[str] = ..., text_url: _Optional[str] = ..., default_model: _Optional[str] = ..., max_frames: _Optional[int] = ..., max_connections: _Optional[int] = ...) -> None: ...

class Hold(_message.Message):
    __slots__ = ["by", "cause", "has_token", "owner", "reason", "resume_at", "seq", "since_at"]
    BY_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    HAS_TOKEN_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    RESUME_AT_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    SINCE_AT_FIELD_NUMBER: _ClassVar[int]
    by: str
    cause: HoldCause
    has_token: bool
    owner: str
    reason: str
    resume_at: int
    seq: int
    since_at: int
    def __init__(self, cause: _Optional[_Union[HoldCause, str]] = ..., by: _Optional[str] = ..., reason: _Optional[str] = ..., since_at: _Optional[int] = ..., resume_at: _Optional[int] = ..., has_token: bool = ..., seq: _Optional[int] = ..., owner: _Optional[str] = ...) -> None: ...

class HoldAtSet(_message.Message):
    __slots__ = ["hold_at"]
    HOLD_AT_FIELD_NUMBER: _ClassVar[int]
    hold_at: HoldPoint.At
    def __init__(self, hold_at: _Optional[_Union[HoldPoint.At, str]] = ...) -> None: ...

class HoldLifted(_message.Message):
    __slots__ = ["cause", "owner"]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    cause: LiftCause
    owner: str
    def __init__(self, cause: _Optional[_Union[LiftCause, str]] = ..., owner: _Optional[str] = ...) -> None: ...

class HoldPoint(_message.Message):
    __slots__ = []
    class At(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    NONE: HoldPoint.At
    SELECTION: HoldPoint.At
    UNSPECIFIED: HoldPoint.At
    def __init__(self) -> None: ...

class Import(_message.Message):
    __slots__ = ["answer", "by", "last", "part", "reason", "request_id", "start", "text", "upload", "verdict", "workspace"]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    PART_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    UPLOAD_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    WORKSPACE_FIELD_NUMBER: _ClassVar[int]
    answer: str
    by: str
    last: bool
    part: int
    reason: str
    request_id: str
    start: bool
    text: str
    upload: str
    verdict: Verdict
    workspace: str
    def __init__(self, request_id: _Optional[str] = ..., by: _Optional[str] = ..., reason: _Optional[str] = ..., upload: _Optional[str] = ..., part: _Optional[int] = ..., text: _Optional[str] = ..., last: bool = ..., start: bool = ..., workspace: _Optional[str] = ..., answer: _Optional[str] = ..., verdict: _Optional[_Union[Verdict, str]] = ...) -> None: ...

class Imported(_message.Message):
    __slots__ = ["digest", "own_workspace", "workspace"]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    OWN_WORKSPACE_FIELD_NUMBER: _ClassVar[int]
    WORKSPACE_FIELD_NUMBER: _ClassVar[int]
    digest: str
    own_workspace: bool
    workspace: str
    def __init__(self, digest: _Optional[str] = ..., workspace: _Optional[str] = ..., own_workspace: bool = ...) -> None: ...

class Interrupt(_message.Message):
    __slots__ = ["by", "if_seq", "reason", "request_id", "resume_after_ms", "resume_at", "resume_token", "run"]
    BY_FIELD_NUMBER: _ClassVar[int]
    IF_SEQ_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    RESUME_AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    RESUME_AT_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    by: str
    if_seq: int
    reason: str
    request_id: str
    resume_after_ms: int
    resume_at: int
    resume_token: bool
    run: str
    def __init__(self, request_id: _Optional[str] = ..., by: _Optional[str] = ..., reason: _Optional[str] = ..., if_seq: _Optional[int] = ..., run: _Optional[str] = ..., resume_at: _Optional[int] = ..., resume_token: bool = ..., resume_after_ms: _Optional[int] = ...) -> None: ...

class KeptBlob(_message.Message):
    __slots__ = ["data", "sha256"]
    DATA_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    sha256: str
    def __init__(self, sha256: _Optional[str] = ..., data: _Optional[bytes] = ...) -> None: ...

class LabelEntry(_message.Message):
    __slots__ = ["key", "value"]
    KEY_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    key: str
    value: str
    def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...

class Launch(_message.Message):
    __slots__ = ["agent", "blocks", "by", "fallback_models", "hold_at", "labels", "limits", "model", "model_attempts", "model_options", "parent", "patience_ms", "policy", "reason", "request_id", "system_prompt", "task", "tools", "worker_tools", "workspace"]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    BLOCKS_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    FALLBACK_MODELS_FIELD_NUMBER: _ClassVar[int]
    HOLD_AT_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    MODEL_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    MODEL_OPTIONS_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PATIENCE_MS_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_PROMPT_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    TOOLS_FIELD_NUMBER: _ClassVar[int]
    WORKER_TOOLS_FIELD_NUMBER: _ClassVar[int]
    WORKSPACE_FIELD_NUMBER: _ClassVar[int]
    agent: str
    blocks: _containers.RepeatedCompositeFieldContainer[Block]
    by: str
    fallback_models: _containers.RepeatedScalarFieldContainer[str]
    hold_at: HoldPoint.At
    labels: _containers.RepeatedCompositeFieldContainer[LabelEntry]
    limits: Limits
    model: str
    model_attempts: int
    model_options: ModelOptions
    parent: str
    patience_ms: int
    policy: Policy
    reason: str
    request_id: str
    system_prompt: str
    task: str
    tools: _containers.RepeatedScalarFieldContainer[str]
    worker_tools: _containers.RepeatedCompositeFieldContainer[ToolSpec]
    workspace: str
    def __init__(self, request_id: _Optional[str] = ..., by: _Optional[str] = ..., reason: _Optional[str] = ..., task: _Optional[str] = ..., model: _Optional[str] = ..., workspace: _Optional[str] = ..., system_prompt: _Optional[str] = ..., tools: _Optional[_Iterable[str]] = ..., model_attempts: _Optional[int] = ..., labels: _Optional[_Iterable[_Union[LabelEntry, _Mapping]]] = ..., agent: _Optional[str] = ..., model_options: _Optional[_Union[ModelOptions, _Mapping]] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., policy: _Optional[_Union[Policy, _Mapping]] = ..., hold_at: _Optional[_Union[HoldPoint.At, str]] = ..., worker_tools: _Optional[_Iterable[_Union[ToolSpec, _Mapping]]] = ..., parent: _Optional[str] = ..., blocks: _Optional[_Iterable[_Union[Block, _Mapping]]] = ..., fallback_models: _Optional[_Iterable[str]] = ..., patience_ms: _Optional[int] = ...) -> None: ...

class Launched(_message.Message):
    __slots__ = ["agent", "agent_version", "depth", "fallback_models", "hold_at", "labels", "limits", "model", "model_attempts", "model_options", "own_workspace", "parent", "patience_ms", "policy", "rendering", "system_prompt", "tools", "workspace"]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    AGENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    DEPTH_FIELD_NUMBER: _ClassVar[int]
    FALLBACK_MODELS_FIELD_NUMBER: _ClassVar[int]
    HOLD_AT_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    MODEL_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    MODEL_OPTIONS_FIELD_NUMBER: _ClassVar[int]
    OWN_WORKSPACE_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PATIENCE_MS_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    RENDERING_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_PROMPT_FIELD_NUMBER: _ClassVar[int]
    TOOLS_FIELD_NUMBER: _ClassVar[int]
    WORKSPACE_FIELD_NUMBER: _ClassVar[int]
    agent: str
    agent_version: int
    depth: int
    fallback_models: _containers.RepeatedScalarFieldContainer[str]
    hold_at: HoldPoint.At
    labels: _containers.RepeatedCompositeFieldContainer[LabelEntry]
    limits: Limits
    model: str
    model_attempts: int
    model_options: ModelOptions
    own_workspace: bool
    parent: str
    patience_ms: int
    policy: Policy
    rendering: int
    system_prompt: str
    tools: _containers.RepeatedCompositeFieldContainer[ToolSpec]
    workspace: str
    def __init__(self, agent: _Optional[str] = ..., model: _Optional[str] = ..., system_prompt: _Optional[str] = ..., tools: _Optional[_Iterable[_Union[ToolSpec, _Mapping]]] = ..., workspace: _Optional[str] = ..., model_attempts: _Optional[int] = ..., labels: _Optional[_Iterable[_Union[LabelEntry, _Mapping]]] = ..., model_options: _Optional[_Union[ModelOptions, _Mapping]] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., agent_version: _Optional[int] = ..., policy: _Optional[_Union[Policy, _Mapping]] = ..., hold_at: _Optional[_Union[HoldPoint.At, str]] = ..., own_workspace: bool = ..., parent: _Optional[str] = ..., depth: _Optional[int] = ..., rendering: _Optional[int] = ..., fallback_models: _Optional[_Iterable[str]] = ..., patience_ms: _Optional[int] = ...) -> None: ...

class LimitReached(_message.Message):
    __slots__ = ["failure"]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    failure: Failure
    def __init__(self, failure: _Optional[_Union[Failure, _Mapping]] = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ["max_cost_nano_usd", "max_repeats", "max_steps"]
    MAX_COST_NANO_USD_FIELD_NUMBER: _ClassVar[int]
    MAX_REPEATS_FIELD_NUMBER: _ClassVar[int]
    MAX_STEPS_FIELD_NUMBER: _ClassVar[int]
    max_cost_nano_usd: int
    max_repeats: int
    max_steps: int
    def __init__(self, max_steps: _Optional[int] = ..., max_cost_nano_usd: _Optional[int] = ..., max_repeats: _Optional[int] = ...) -> None: ...

class LimitsSet(_message.Message):
    __slots__ = ["limits"]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    limits: Limits
    def __init__(self, limits: _Optional[_Union[Limits, _Mapping]] = ...) -> None: ...

class ListAgents(_message.Message):
    __slots__ = ["after", "limit"]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    after: str
    limit: int
    def __init__(self, limit: _Optional[int] = ..., after: _Optional[str] = ...) -> None: ...

class ListAgentsReply(_message.Message):
    __slots__ = ["agents", "next"]
    AGENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    agents: _containers.RepeatedCompositeFieldContainer[StoredAgent]
    next: str
    def __init__(self, agents: _Optional[_Iterable[_Union[StoredAgent, _Mapping]]] = ..., next: _Optional[str] = ...) -> None: ...

class ListAsks(_message.Message):
    __slots__ = ["after", "limit", "run", "tokens"]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    after: str
    limit: int
    run: str
    tokens: bool
    def __init__(self, run: _Optional[str] = ..., limit: _Optional[int] = ..., after: _Optional[str] = ..., tokens: bool = ...) -> None: ...

class ListAsksReply(_message.Message):
    __slots__ = ["asks", "next"]
    ASKS_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    asks: _containers.RepeatedCompositeFieldContainer[Ask]
    next: str
    def __init__(self, asks: _Optional[_Iterable[_Union[Ask, _Mapping]]] = ..., next: _Optional[str] = ...) -> None: ...

class ListRuns(_message.Message):
    __slots__ = ["after", "agent", "created_after_at", "created_before_at", "limit", "oldest_first", "parent", "status"]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    CREATED_AFTER_AT_FIELD_NUMBER: _ClassVar[int]
    CREATED_BEFORE_AT_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    OLDEST_FIRST_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    after: str
    agent: str
    created_after_at: int
    created_before_at: int
    limit: int
    oldest_first: bool
    parent: str
    status: _containers.RepeatedScalarFieldContainer[Status]
    def __init__(self, status: _Optional[_Iterable[_Union[Status, str]]] = ..., limit: _Optional[int] = ..., after: _Optional[str] = ..., agent: _Optional[str] = ..., parent: _Optional[str] = ..., created_after_at: _Optional[int] = ..., created_before_at: _Optional[int] = ..., oldest_first: bool = ...) -> None: ...

class ListRunsReply(_message.Message):
    __slots__ = ["next", "runs"]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    RUNS_FIELD_NUMBER: _ClassVar[int]
    next: str
    runs: _containers.RepeatedCompositeFieldContainer[RunSummary]
    def __init__(self, runs: _Optional[_Iterable[_Union[RunSummary, _Mapping]]] = ..., next: _Optional[str] = ...) -> None: ...

class ListTokens(_message.Message):
    __slots__ = ["after", "limit"]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    after: str
    limit: int
    def __init__(self, limit: _Optional[int] = ..., after: _Optional[str] = ...) -> None: ...

class ListTokensReply(_message.Message):
    __slots__ = ["next", "tokens"]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    next: str
    tokens: _containers.RepeatedCompositeFieldContainer[Token]
    def __init__(self, tokens: _Optional[_Iterable[_Union[Token, _Mapping]]] = ..., next: _Optional[str] = ...) -> None: ...

class ListTools(_message.Message):
    __slots__ = ["after", "limit"]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    after: str
    limit: int
    def __init__(self, limit: _Optional[int] = ..., after: _Optional[str] = ...) -> None: ...

class ListToolsReply(_message.Message):
    __slots__ = ["next", "tools"]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    TOOLS_FIELD_NUMBER: _ClassVar[int]
    next: str
    tools: _containers.RepeatedCompositeFieldContainer[RegisteredTool]
    def __init__(self, tools: _Optional[_Iterable[_Union[RegisteredTool, _Mapping]]] = ..., next: _Optional[str] = ...) -> None: ...

class MessageQueued(_message.Message):
    __slots__ = ["blocks", "delivery", "number", "text"]
    BLOCKS_FIELD_NUMBER: _ClassVar[int]
    DELIVERY_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    blocks: _containers.RepeatedCompositeFieldContainer[Block]
    delivery: Delivery
    number: int
    text: str
    def __init__(self, number: _Optional[int] = ..., text: _Optional[str] = ..., delivery: _Optional[_Union[Delivery, str]] = ..., blocks: _Optional[_Iterable[_Union[Block, _Mapping]]] = ...) -> None: ...

class MessageWithdrawn(_message.Message):
    __slots__ = ["number"]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    number: int
    def __init__(self, number: _Optional[int] = ...) -> None: ...

class ModelAnswered(_message.Message):
    __slots__ = ["attempt", "blocks", "calls", "ending", "failure", "finish_reason", "model", "origin", "provider_request_id", "step", "text", "usage"]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    BLOCKS_FIELD_NUMBER: _ClassVar[int]
    CALLS_FIELD_NUMBER: _ClassVar[int]
    ENDING_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    FINISH_REASON_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    blocks: _containers.RepeatedCompositeFieldContainer[Block]
    calls: _containers.RepeatedCompositeFieldContainer[SelectedCall]
    ending: Ending
    failure: Failure
    finish_reason: str
    model: str
    origin: Origin
    provider_request_id: str
    step: int
    text: str
    usage: Usage
    def __init__(self, step: _Optional[int] = ..., attempt: _Optional[int] = ..., text: _Optional[str] = ..., calls: _Optional[_Iterable[_Union[SelectedCall, _Mapping]]] = ..., finish_reason: _Optional[str] = ..., usage: _Optional[_Union[Usage, _Mapping]] = ..., ending: _Optional[_Union[Ending, str]] = ..., failure: _Optional[_Union[Failure, _Mapping]] = ..., blocks: _Optional[_Iterable[_Union[Block, _Mapping]]] = ..., origin: _Optional[_Union[Origin, _Mapping]] = ..., model: _Optional[str] = ..., provider_request_id: _Optional[str] = ...) -> None: ...

class ModelCalled(_message.Message):
    __slots__ = ["attempt", "delivered", "step"]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    DELIVERED_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    delivered: _containers.RepeatedScalarFieldContainer[int]
    step: int
    def __init__(self, step: _Optional[int] = ..., attempt: _Optional[int] = ..., delivered: _Optional[_Iterable[int]] = ...) -> None: ...

class ModelCut(_message.Message):
    __slots__ = ["attempt", "blocks", "cause", "model", "provider_request_id", "step", "text", "usage"]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    BLOCKS_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    blocks: _containers.RepeatedCompositeFieldContainer[Block]
    cause: CutCause
    model: str
    provider_request_id: str
    step: int
    text: str
    usage: Usage
    def __init__(self, step: _Optional[int] = ..., attempt: _Optional[int] = ..., text: _Optional[str] = ..., cause: _Optional[_Union[CutCause, str]] = ..., blocks: _Optional[_Iterable[_Union[Block, _Mapping]]] = ..., usage: _Optional[_Union[Usage, _Mapping]] = ..., model: _Optional[str] = ..., provider_request_id: _Optional[str] = ...) -> None: ...

class ModelFailed(_message.Message):
    __slots__ = ["attempt", "blocks", "drops_images", "drops_reasoning", "failure", "model", "next_attempt_at", "provider_request_id", "step", "text", "usage"]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    BLOCKS_FIELD_NUMBER: _ClassVar[int]
    DROPS_IMAGES_FIELD_NUMBER: _ClassVar[int]
    DROPS_REASONING_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    NEXT_ATTEMPT_AT_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    blocks: _containers.RepeatedCompositeFieldContainer[Block]
    drops_images: bool
    drops_reasoning: bool
    failure: Failure
    model: str
    next_attempt_at: int
    provider_request_id: str
    step: int
    text: str
    usage: Usage
    def __init__(self, step: _Optional[int] = ..., attempt: _Optional[int] = ..., text: _Optional[str] = ..., failure: _Optional[_Union[Failure, _Mapping]] = ..., next_attempt_at: _Optional[int] = ..., blocks: _Optional[_Iterable[_Union[Block, _Mapping]]] = ..., usage: _Optional[_Union[Usage, _Mapping]] = ..., model: _Optional[str] = ..., provider_request_id: _Optional[str] = ..., drops_reasoning: bool = ..., drops_images: bool = ...) -> None: ...

class ModelOptions(_message.Message):
    __slots__ = ["max_output_tokens", "reasoning_effort", "seed", "stop", "temperature", "top_p"]
    MAX_OUTPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    REASONING_EFFORT_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    STOP_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    TOP_P_FIELD_NUMBER: _ClassVar[int]
    max_output_tokens: int
    reasoning_effort: str
    seed: int
    stop: _containers.RepeatedScalarFieldContainer[str]
    temperature: float
    top_p: float
    def __init__(self, temperature: _Optional[float] = ..., top_p: _Optional[float] = ..., max_output_tokens: _Optional[int] = ..., seed: _Optional[int] = ..., reasoning_effort: _Optional[str] = ..., stop: _Optional[_Iterable[str]] = ...) -> None: ...

class ModelSet(_message.Message):
    __slots__ = ["base_url", "fallback", "model"]
    BASE_URL_FIELD_NUMBER: _ClassVar[int]
    FALLBACK_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    base_url: str
    fallback: int
    model: str
    def __init__(self, model: _Optional[str] = ..., base_url: _Optional[str] = ..., fallback: _Optional[int] = ...) -> None: ...

class Origin(_message.Message):
    __slots__ = ["api", "model", "provider"]
    API_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    api: str
    model: str
    provider: str
    def __init__(self, api: _Optional[str] = ..., provider: _Optional[str] = ..., model: _Optional[str] = ...) -> None: ...

class Pause(_message.Message):
    __slots__ = ["by", "if_seq", "reason", "request_id", "resume_after_ms", "resume_at", "resume_token", "run"]
    BY_FIELD_NUMBER: _ClassVar[int]
    IF_SEQ_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    RESUME_AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    RESUME_AT_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    by: str
    if_seq: int
    reason: str
    request_id: str
    resume_after_ms: int
    resume_at: int
    resume_token: bool
    run: str
    def __init__(self, request_id: _Optional[str] = ..., by: _Optional[str] = ..., reason: _Optional[str] = ..., if_seq: _Optional[int] = ..., run: _Optional[str] = ..., resume_at: _Optional[int] = ..., resume_token: bool = ..., resume_after_ms: _Optional[int] = ...) -> None: ...

class Policy(_message.Message):
    __slots__ = ["tools"]
    TOOLS_FIELD_NUMBER: _ClassVar[int]
    tools: _containers.RepeatedCompositeFieldContainer[ToolPolicy]
    def __init__(self, tools: _Optional[_Iterable[_Union[ToolPolicy, _Mapping]]] = ...) -> None: ...

class PolicySet(_message.Message):
    __slots__ = ["gates", "policy"]
    GATES_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    gates: _containers.RepeatedCompositeFieldContainer[CallGate]
    policy: Policy
    def __init__(self, policy: _Optional[_Union[Policy, _Mapping]] = ..., gates: _Optional[_Iterable[_Union[CallGate, _Mapping]]] = ...) -> None: ...

class PutAgent(_message.Message):
    __slots__ = ["agent", "by", "if_version", "reason", "request_id"]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    IF_VERSION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    agent: Agent
    by: str
    if_version: int
    reason: str
    request_id: str
    def __init__(self, request_id: _Optional[str] = ..., by: _Optional[str] = ..., reason: _Optional[str] = ..., if_version: _Optional[int] = ..., agent: _Optional[_Union[Agent, _Mapping]] = ...) -> None: ...

class PutAgentReply(_message.Message):
    __slots__ = ["agent", "changed"]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    agent: StoredAgent
    changed: bool
    def __init__(self, agent: _Optional[_Union[StoredAgent, _Mapping]] = ..., changed: bool = ...) -> None: ...

class PutBlob(_message.Message):
    __slots__ = ["by", "data", "reason", "request_id"]
    BY_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    by: str
    data: bytes
    reason: str
    request_id: str
    def __init__(self, request_id: _Optional[str] = ..., by: _Optional[str] = ..., reason: _Optional[str] = ..., data: _Optional[bytes] = ...) -> None: ...

class PutBlobReply(_message.Message):
    __slots__ = ["blob", "changed"]
    BLOB_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    blob: Blob
    changed: bool
    def __init__(self, blob: _Optional[_Union[Blob, _Mapping]] = ..., changed: bool = ...) -> None: ...

class Question(_message.Message):
    __slots__ = ["at_deadline", "context", "deadline_ms", "default_answer", "format", "question", "urgency"]
    AT_DEADLINE_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_MS_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_ANSWER_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    QUESTION_FIELD_NUMBER: _ClassVar[int]
    URGENCY_FIELD_NUMBER: _ClassVar[int]
    at_deadline: AtDeadline
    context: str
    deadline_ms: int
    default_answer: str
    format: AnswerFormat
    question: str
    urgency: Urgency
    def __init__(self, question: _Optional[str] = ..., context: _Optional[str] = ..., urgency: _Optional[_Union[Urgency, str]] = ..., format: _Optional[_Union[AnswerFormat, _Mapping]] = ..., deadline_ms: _Optional[int] = ..., at_deadline: _Optional[_Union[AtDeadline, str]] = ..., default_answer: _Optional[str] = ...) -> None: ...

class QueuedMessage(_message.Message):
    __slots__ = ["delivery", "number"]
    DELIVERY_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    delivery: Delivery
    number: int
    def __init__(self, number: _Optional[int] = ..., delivery: _Optional[_Union[Delivery, str]] = ...) -> None: ...

class ReadEvents(_message.Message):
    __slots__ = ["after", "limit", "run", "wait_ms"]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    WAIT_MS_FIELD_NUMBER: _ClassVar[int]
    after: int
    limit: int
    run: str
    wait_ms: int
    def __init__(self, run: _Optional[str] = ..., after: _Optional[int] = ..., limit: _Optional[int] = ..., wait_ms: _Optional[int] = ...) -> None: ...

class ReadEventsReply(_message.Message):
    __slots__ = ["events", "last", "more"]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[Event]
    last: int
    more: bool
    def __init__(self, events: _Optional[_Iterable[_Union[Event, _Mapping]]] = ..., last: _Optional[int] = ..., more: bool = ...) -> None: ...

class RegisterTools(_message.Message):
    __slots__ = ["by", "reason", "request_id", "tools", "worker"]
    BY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TOOLS_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    by: str
    reason: str
    request_id: str
    tools: _containers.RepeatedCompositeFieldContainer[ToolSpec]
    worker: str
    def __init__(self, request_id: _Optional[str] = ..., by: _Optional[str] = ..., reason: _Optional[str] = ..., worker: _Optional[str] = ..., tools: _Optional[_Iterable[_Union[ToolSpec, _Mapping]]] = ...) -> None: ...

class RegisterToolsReply(_message.Message):
    __slots__ = ["changed"]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    changed: bool
    def __init__(self, changed: bool = ...) -> None: ...

class RegisteredTool(_message.Message):
    __slots__ = ["by", "polled_at", "registered_at", "spec", "worker"]
    BY_FIELD_NUMBER: _ClassVar[int]
    POLLED_AT_FIELD_NUMBER: _ClassVar[int]
    REGISTERED_AT_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    by: str
    polled_at: int
    registered_at: int
    spec: ToolSpec
    worker: str
    def __init__(self, spec: _Optional[_Union[ToolSpec, _Mapping]] = ..., worker: _Optional[str] = ..., registered_at: _Optional[int] = ..., by: _Optional[str] = ..., polled_at: _Optional[int] = ...) -> None: ...

class Resume(_message.Message):
    __slots__ = ["base_url", "by", "hold_at", "if_seq", "model", "reason", "request_id", "run", "text", "token"]
    BASE_URL_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    HOLD_AT_FIELD_NUMBER: _ClassVar[int]
    IF_SEQ_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    base_url: str
    by: str
    hold_at: HoldPoint.At
    if_seq: int
    model: str
    reason: str
    request_id: str
    run: str
    text: str
    token: str
    def __init__(self, request_id: _Optional[str] = ..., by: _Optional[str] = ..., reason: _Optional[str] = ..., if_seq: _Optional[int] = ..., run: _Optional[str] = ..., text: _Optional[str] = ..., token: _Optional[str] = ..., hold_at: _Optional[_Union[HoldPoint.At, str]] = ..., model: _Optional[str] = ..., base_url: _Optional[str] = ...) -> None: ...

class Retried(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class RevokeToken(_message.Message):
    __slots__ = ["by", "id", "reason", "request_id"]
    BY_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    by: str
    id: str
    reason: str
    request_id: str
    def __init__(self, request_id: _Optional[str] = ..., by: _Optional[str] = ..., reason: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class RevokeTokenReply(_message.Message):
    __slots__ = ["changed", "token"]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    changed: bool
    token: Token
    def __init__(self, token: _Optional[_Union[Token, _Mapping]] = ..., changed: bool = ...) -> None: ...

class Rule(_message.Message):
    __slots__ = ["gate", "when"]
    GATE_FIELD_NUMBER: _ClassVar[int]
    WHEN_FIELD_NUMBER: _ClassVar[int]
    gate: Gate
    when: _containers.RepeatedCompositeFieldContainer[Condition]
    def __init__(self, when: _Optional[_Iterable[_Union[Condition, _Mapping]]] = ..., gate: _Optional[_Union[Gate, str]] = ...) -> None: ...

class RunSummary(_message.Message):
    __slots__ = ["agent", "children", "created_at", "ending", "failure", "handed_off", "hold", "hold_at", "holds", "id", "inherited", "labels", "last_message", "last_seq", "limits", "model", "next_attempt_at", "open_asks", "open_calls", "parent", "queued_messages", "source", "status", "step", "task", "updated_at", "usage", "waits_for_tools", "workspace"]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    CHILDREN_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    ENDING_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    HANDED_OFF_FIELD_NUMBER: _ClassVar[int]
    HOLDS_FIELD_NUMBER: _ClassVar[int]
    HOLD_AT_FIELD_NUMBER: _ClassVar[int]
    HOLD_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    INHERITED_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    LAST_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQ_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    NEXT_ATTEMPT_AT_FIELD_NUMBER: _ClassVar[int]
    OPEN_ASKS_FIELD_NUMBER: _ClassVar[int]
    OPEN_CALLS_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    QUEUED_MESSAGES_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    WAITS_FOR_TOOLS_FIELD_NUMBER: _ClassVar[int]
    WORKSPACE_FIELD_NUMBER: _ClassVar[int]
    agent: str
    children: int
    created_at: int
    ending: Ending
    failure: Failure
    handed_off: bool
    hold: Hold
    hold_at: HoldPoint.At
    holds: _containers.RepeatedCompositeFieldContainer[Hold]
    id: str
    inherited: Usage
    labels: _containers.RepeatedCompositeFieldContainer[LabelEntry]
    last_message: str
    last_seq: int
    limits: Limits
    model: str
    next_attempt_at: int
    open_asks: _containers.RepeatedScalarFieldContainer[int]
    open_calls: int
    parent: str
    queued_messages: int
    source: str
    status: Status
    step: int
    task: str
    updated_at: int
    usage: Usage
    waits_for_tools: _containers.RepeatedScalarFieldContainer[str]
    workspace: str
    def __init__(self, id: _Optional[str] = ..., status: _Optional[_Union[Status, str]] = ..., agent: _Optional[str] = ..., model: _Optional[str] = ..., last_seq: _Optional[int] = ..., created_at: _Optional[int] = ..., updated_at: _Optional[int] = ..., step: _Optional[int] = ..., hold: _Optional[_Union[Hold, _Mapping]] = ..., failure: _Optional[_Union[Failure, _Mapping]] = ..., queued_messages: _Optional[int] = ..., open_asks: _Optional[_Iterable[int]] = ..., last_message: _Optional[str] = ..., usage: _Optional[_Union[Usage, _Mapping]] = ..., workspace: _Optional[str] = ..., task: _Optional[str] = ..., next_attempt_at: _Optional[int] = ..., open_calls: _Optional[int] = ..., labels: _Optional[_Iterable[_Union[LabelEntry, _Mapping]]] = ..., parent: _Optional[str] = ..., inherited: _Optional[_Union[Usage, _Mapping]] = ..., source: _Optional[str] = ..., hold_at: _Optional[_Union[HoldPoint.At, str]] = ..., handed_off: bool = ..., waits_for_tools: _Optional[_Iterable[str]] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., ending: _Optional[_Union[Ending, str]] = ..., holds: _Optional[_Iterable[_Union[Hold, _Mapping]]] = ..., children: _Optional[int] = ...) -> None: ...

class SelectedCall(_message.Message):
    __slots__ = ["arguments", "gate", "model_id", "number", "tool"]
    ARGUMENTS_FIELD_NUMBER: _ClassVar[int]
    GATE_FIELD_NUMBER: _ClassVar[int]
    MODEL_ID_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    TOOL_FIELD_NUMBER: _ClassVar[int]
    arguments: str
    gate: Gate
    model_id: str
    number: int
    tool: str
    def __init__(self, number: _Optional[int] = ..., tool: _Optional[str] = ..., arguments: _Optional[str] = ..., model_id: _Optional[str] = ..., gate: _Optional[_Union[Gate, str]] = ...) -> None: ...

class Send(_message.Message):
    __slots__ = ["blocks", "by", "delivery", "if_seq", "reason", "request_id", "run", "text"]
    BLOCKS_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    DELIVERY_FIELD_NUMBER: _ClassVar[int]
    IF_SEQ_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    blocks: _containers.RepeatedCompositeFieldContainer[Block]
    by: str
    delivery: Delivery
    if_seq: int
    reason: str
    request_id: str
    run: str
    text: str
    def __init__(self, request_id: _Optional[str] = ..., by: _Optional[str] = ..., reason: _Optional[str] = ..., if_seq: _Optional[int] = ..., run: _Optional[str] = ..., text: _Optional[str] = ..., delivery: _Optional[_Union[Delivery, str]] = ..., blocks: _Optional[_Iterable[_Union[Block, _Mapping]]] = ...) -> None: ...

class SetBudget(_message.Message):
    __slots__ = ["by", "if_seq", "limits", "reason", "request_id", "run"]
    BY_FIELD_NUMBER: _ClassVar[int]
    IF_SEQ_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    by: str
    if_seq: int
    limits: Limits
    reason: str
    request_id: str
    run: str
    def __init__(self, request_id: _Optional[str] = ..., by: _Optional[str] = ..., reason: _Optional[str] = ..., if_seq: _Optional[int] = ..., run: _Optional[str] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ...) -> None: ...

class SetPolicy(_message.Message):
    __slots__ = ["by", "if_seq", "policy", "reason", "request_id", "run"]
    BY_FIELD_NUMBER: _ClassVar[int]
    IF_SEQ_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    by: str
    if_seq: int
    policy: Policy
    reason: str
    request_id: str
    run: str
    def __init__(self, request_id: _Optional[str] = ..., by: _Optional[str] = ..., reason: _Optional[str] = ..., if_seq: _Optional[int] = ..., run: _Optional[str] = ..., policy: _Optional[_Union[Policy, _Mapping]] = ...) -> None: ...

class StartCall(_message.Message):
    __slots__ = ["attempt", "by", "call", "if_seq", "lease_ms", "reason", "request_id", "run", "worker"]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    CALL_FIELD_NUMBER: _ClassVar[int]
    IF_SEQ_FIELD_NUMBER: _ClassVar[int]
    LEASE_MS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    by: str
    call: int
    if_seq: int
    lease_ms: int
    reason: str
    request_id: str
    run: str
    worker: str
    def __init__(self, request_id: _Optional[str] = ..., by: _Optional[str] = ..., reason: _Optional[str] = ..., if_seq: _Optional[int] = ..., run: _Optional[str] = ..., call: _Optional[int] = ..., attempt: _Optional[int] = ..., worker: _Optional[str] = ..., lease_ms: _Optional[int] = ...) -> None: ...

class Stats(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class StatsReply(_message.Message):
    __slots__ = ["cached_input_tokens", "call_offers", "calls_of_unknown_cost", "calls_waiting", "commands_accepted", "commands_overloaded", "commands_queued", "commands_refused", "commits", "connections_closed", "control_connections", "cost_nano_usd", "descriptor_limit", "descriptors", "effect_descriptor_limit", "effect_descriptors", "effects_waiting", "events", "history_bytes", "input_tokens", "instance", "last_offset", "leases", "listener_restarts", "log_bytes", "model_calls", "model_calls_in_flight", "now_at", "output_tokens", "reads_waiting", "request_bytes", "requests", "requests_in_progress", "resident_bytes", "runs_in_memory", "started_at", "store_bytes", "store_is_full", "subscribers", "subscribers_refused", "tools_executing", "webhooks_dead", "webhooks_pending"]
    CACHED_INPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    CALLS_OF_UNKNOWN_COST_FIELD_NUMBER: _ClassVar[int]
    CALLS_WAITING_FIELD_NUMBER: _ClassVar[int]
    CALL_OFFERS_FIELD_NUMBER: _ClassVar[int]
    COMMANDS_ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    COMMANDS_OVERLOADED_FIELD_NUMBER: _ClassVar[int]
    COMMANDS_QUEUED_FIELD_NUMBER: _ClassVar[int]
    COMMANDS_REFUSED_FIELD_NUMBER: _ClassVar[int]
    COMMITS_FIELD_NUMBER: _ClassVar[int]
    CONNECTIONS_CLOSED_FIELD_NUMBER: _ClassVar[int]
    CONTROL_CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    COST_NANO_USD_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTORS_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTOR_LIMIT_FIELD_NUMBER: _ClassVar[int]
    EFFECTS_WAITING_FIELD_NUMBER: _ClassVar[int]
    EFFECT_DESCRIPTORS_FIELD_NUMBER: _ClassVar[int]
    EFFECT_DESCRIPTOR_LIMIT_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    HISTORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    INPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    LAST_OFFSET_FIELD_NUMBER: _ClassVar[int]
    LEASES_FIELD_NUMBER: _ClassVar[int]
    LISTENER_RESTARTS_FIELD_NUMBER: _ClassVar[int]
    LOG_BYTES_FIELD_NUMBER: _ClassVar[int]
    MODEL_CALLS_FIELD_NUMBER: _ClassVar[int]
    MODEL_CALLS_IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    NOW_AT_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    READS_WAITING_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_IN_PROGRESS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_BYTES_FIELD_NUMBER: _ClassVar[int]
    RESIDENT_BYTES_FIELD_NUMBER: _ClassVar[int]
    RUNS_IN_MEMORY_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    STORE_BYTES_FIELD_NUMBER: _ClassVar[int]
    STORE_IS_FULL_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIBERS_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIBERS_REFUSED_FIELD_NUMBER: _ClassVar[int]
    TOOLS_EXECUTING_FIELD_NUMBER: _ClassVar[int]
    WEBHOOKS_DEAD_FIELD_NUMBER: _ClassVar[int]
    WEBHOOKS_PENDING_FIELD_NUMBER: _ClassVar[int]
    cached_input_tokens: int
    call_offers: int
    calls_of_unknown_cost: int
    calls_waiting: int
    commands_accepted: int
    commands_overloaded: int
    commands_queued: int
    commands_refused: int
    commits: int
    connections_closed: int
    control_connections: int
    cost_nano_usd: int
    descriptor_limit: int
    descriptors: int
    effect_descriptor_limit: int
    effect_descriptors: int
    effects_waiting: int
    events: int
    history_bytes: int
    input_tokens: int
    instance: str
    last_offset: int
    leases: int
    listener_restarts: int
    log_bytes: int
    model_calls: int
    model_calls_in_flight: int
    now_at: int
    output_tokens: int
    reads_waiting: int
    request_bytes: int
    requests: int
    requests_in_progress: int
    resident_bytes: int
    runs_in_memory: int
    started_at: int
    store_bytes: int
    store_is_full: bool
    subscribers: int
    subscribers_refused: int
    tools_executing: int
    webhooks_dead: int
    webhooks_pending: int
    def __init__(self, instance: _Optional[str] = ..., started_at: _Optional[int] = ..., now_at: _Optional[int] = ..., last_offset: _Optional[int] = ..., runs_in_memory: _Optional[int] = ..., model_calls_in_flight: _Optional[int] = ..., tools_executing: _Optional[int] = ..., reads_waiting: _Optional[int] = ..., commands_queued: _Optional[int] = ..., requests_in_progress: _Optional[int] = ..., request_bytes: _Optional[int] = ..., requests: _Optional[int] = ..., commands_accepted: _Optional[int] = ..., commands_refused: _Optional[int] = ..., commands_overloaded: _Optional[int] = ..., commits: _Optional[int] = ..., events: _Optional[int] = ..., store_bytes: _Optional[int] = ..., log_bytes: _Optional[int] = ..., resident_bytes: _Optional[int] = ..., descriptors: _Optional[int] = ..., descriptor_limit: _Optional[int] = ..., listener_restarts: _Optional[int] = ..., history_bytes: _Optional[int] = ..., store_is_full: bool = ..., call_offers: _Optional[int] = ..., leases: _Optional[int] = ..., webhooks_pending: _Optional[int] = ..., webhooks_dead: _Optional[int] = ..., effects_waiting: _Optional[int] = ..., effect_descriptors: _Optional[int] = ..., effect_descriptor_limit: _Optional[int] = ..., control_connections: _Optional[int] = ..., subscribers: _Optional[int] = ..., connections_closed: _Optional[int] = ..., subscribers_refused: _Optional[int] = ..., calls_waiting: _Optional[int] = ..., model_calls: _Optional[int] = ..., input_tokens: _Optional[int] = ..., cached_input_tokens: _Optional[int] = ..., output_tokens: _Optional[int] = ..., cost_nano_usd: _Optional[int] = ..., calls_of_unknown_cost: _Optional[int] = ...) -> None: ...

class StatusChanged(_message.Message):
    __slots__ = ["before", "instance", "number", "run"]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    before: Status
    instance: str
    number: int
    run: RunSummary
    def __init__(self, instance: _Optional[str] = ..., number: _Optional[int] = ..., run: _Optional[_Union[RunSummary, _Mapping]] = ..., before: _Optional[_Union[Status, str]] = ...) -> None: ...

class Sticky(_message.Message):
    __slots__ = ["when"]
    WHEN_FIELD_NUMBER: _ClassVar[int]
    when: _containers.RepeatedCompositeFieldContainer[Condition]
    def __init__(self, when: _Optional[_Iterable[_Union[Condition, _Mapping]]] = ...) -> None: ...

class Stop(_message.Message):
    __slots__ = ["by", "if_seq", "reason", "request_id", "run"]
    BY_FIELD_NUMBER: _ClassVar[int]
    IF_SEQ_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    by: str
    if_seq: int
    reason: str
    request_id: str
    run: str
    def __init__(self, request_id: _Optional[str] = ..., by: _Optional[str] = ..., reason: _Optional[str] = ..., if_seq: _Optional[int] = ..., run: _Optional[str] = ...) -> None: ...

class Stopped(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class StoredAgent(_message.Message):
    __slots__ = ["agent", "by", "stored_at", "version"]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    STORED_AT_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    agent: Agent
    by: str
    stored_at: int
    version: int
    def __init__(self, agent: _Optional[_Union[Agent, _Mapping]] = ..., version: _Optional[int] = ..., stored_at: _Optional[int] = ..., by: _Optional[str] = ...) -> None: ...

class TakeCalls(_message.Message):
    __slots__ = ["limit", "tools", "wait_ms", "worker"]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    TOOLS_FIELD_NUMBER: _ClassVar[int]
    WAIT_MS_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    limit: int
    tools: _containers.RepeatedScalarFieldContainer[str]
    wait_ms: int
    worker: str
    def __init__(self, worker: _Optional[str] = ..., tools: _Optional[_Iterable[str]] = ..., limit: _Optional[int] = ..., wait_ms: _Optional[int] = ...) -> None: ...

class TakeCallsReply(_message.Message):
    __slots__ = ["offers"]
    OFFERS_FIELD_NUMBER: _ClassVar[int]
    offers: _containers.RepeatedCompositeFieldContainer[CallOffer]
    def __init__(self, offers: _Optional[_Iterable[_Union[CallOffer, _Mapping]]] = ...) -> None: ...

class TextDelta(_message.Message):
    __slots__ = ["attempt", "call", "content", "number", "run", "step", "text"]
    class Content(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    CALL_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    OUTPUT: TextDelta.Content
    REASONING: TextDelta.Content
    RUN_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    TEXT: TextDelta.Content
    TEXT_FIELD_NUMBER: _ClassVar[int]
    UNSPECIFIED: TextDelta.Content
    attempt: int
    call: int
    content: TextDelta.Content
    number: int
    run: str
    step: int
    text: str
    def __init__(self, run: _Optional[str] = ..., step: _Optional[int] = ..., call: _Optional[int] = ..., attempt: _Optional[int] = ..., number: _Optional[int] = ..., text: _Optional[str] = ..., content: _Optional[_Union[TextDelta.Content, str]] = ...) -> None: ...

class Tick(_message.Message):
    __slots__ = ["instance", "last_offset", "last_status_number", "now_at"]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    LAST_OFFSET_FIELD_NUMBER: _ClassVar[int]
    LAST_STATUS_NUMBER_FIELD_NUMBER: _ClassVar[int]
    NOW_AT_FIELD_NUMBER: _ClassVar[int]
    instance: str
    last_offset: int
    last_status_number: int
    now_at: int
    def __init__(self, instance: _Optional[str] = ..., now_at: _Optional[int] = ..., last_offset: _Optional[int] = ..., last_status_number: _Optional[int] = ...) -> None: ...

class Token(_message.Message):
    __slots__ = ["by", "created_at", "expires_at", "id", "name", "revoked_at", "scope"]
    BY_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REVOKED_AT_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    by: str
    created_at: int
    expires_at: int
    id: str
    name: str
    revoked_at: int
    scope: Scope
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., scope: _Optional[_Union[Scope, str]] = ..., created_at: _Optional[int] = ..., expires_at: _Optional[int] = ..., revoked_at: _Optional[int] = ..., by: _Optional[str] = ...) -> None: ...

class ToolPolicy(_message.Message):
    __slots__ = ["deadline_ms", "gate", "rules", "tool", "urgency", "when_unknown"]
    DEADLINE_MS_FIELD_NUMBER: _ClassVar[int]
    GATE_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    TOOL_FIELD_NUMBER: _ClassVar[int]
    URGENCY_FIELD_NUMBER: _ClassVar[int]
    WHEN_UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    deadline_ms: int
    gate: Gate
    rules: _containers.RepeatedCompositeFieldContainer[Rule]
    tool: str
    urgency: Urgency
    when_unknown: WhenUnknown
    def __init__(self, tool: _Optional[str] = ..., rules: _Optional[_Iterable[_Union[Rule, _Mapping]]] = ..., gate: _Optional[_Union[Gate, str]] = ..., when_unknown: _Optional[_Union[WhenUnknown, str]] = ..., urgency: _Optional[_Union[Urgency, str]] = ..., deadline_ms: _Optional[int] = ...) -> None: ...

class ToolSpec(_message.Message):
    __slots__ = ["by_worker", "description", "idempotent", "idempotent_when", "name", "origin", "parallel", "parameters"]
    BY_WORKER_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENT_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENT_WHEN_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    PARALLEL_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    by_worker: bool
    description: str
    idempotent: bool
    idempotent_when: _containers.RepeatedCompositeFieldContainer[Condition]
    name: str
    origin: ToolOrigin
    parallel: bool
    parameters: str
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., parameters: _Optional[str] = ..., idempotent: bool = ..., parallel: bool = ..., by_worker: bool = ..., idempotent_when: _Optional[_Iterable[_Union[Condition, _Mapping]]] = ..., origin: _Optional[_Union[ToolOrigin, str]] = ...) -> None: ...

class Usage(_message.Message):
    __slots__ = ["cache_write_tokens", "cached_input_tokens", "calls_of_estimated_cost", "calls_of_unknown_cost", "cost_nano_usd", "input_tokens", "model_calls", "output_tokens", "reasoning_tokens"]
    CACHED_INPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    CACHE_WRITE_TOKENS_FIELD_NUMBER: _ClassVar[int]
    CALLS_OF_ESTIMATED_COST_FIELD_NUMBER: _ClassVar[int]
    CALLS_OF_UNKNOWN_COST_FIELD_NUMBER: _ClassVar[int]
    COST_NANO_USD_FIELD_NUMBER: _ClassVar[int]
    INPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    MODEL_CALLS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    REASONING_TOKENS_FIELD_NUMBER: _ClassVar[int]
    cache_write_tokens: int
    cached_input_tokens: int
    calls_of_estimated_cost: int
    calls_of_unknown_cost: int
    cost_nano_usd: int
    input_tokens: int
    model_calls: int
    output_tokens: int
    reasoning_tokens: int
    def __init__(self, model_calls: _Optional[int] = ..., input_tokens: _Optional[int] = ..., cached_input_tokens: _Optional[int] = ..., output_tokens: _Optional[int] = ..., cost_nano_usd: _Optional[int] = ..., calls_of_unknown_cost: _Optional[int] = ..., cache_write_tokens: _Optional[int] = ..., reasoning_tokens: _Optional[int] = ..., calls_of_estimated_cost: _Optional[int] = ...) -> None: ...

class UsageRow(_message.Message):
    __slots__ = ["agent", "day_at", "model", "run", "usage"]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    DAY_AT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    agent: str
    day_at: int
    model: str
    run: str
    usage: Usage
    def __init__(self, run: _Optional[str] = ..., agent: _Optional[str] = ..., model: _Optional[str] = ..., day_at: _Optional[int] = ..., usage: _Optional[_Union[Usage, _Mapping]] = ...) -> None: ...

class Withdraw(_message.Message):
    __slots__ = ["by", "if_seq", "message", "reason", "request_id", "run"]
    BY_FIELD_NUMBER: _ClassVar[int]
    IF_SEQ_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    by: str
    if_seq: int
    message: int
    reason: str
    request_id: str
    run: str
    def __init__(self, request_id: _Optional[str] = ..., by: _Optional[str] = ..., reason: _Optional[str] = ..., if_seq: _Optional[int] = ..., run: _Optional[str] = ..., message: _Optional[int] = ...) -> None: ...

class FrameType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class Status(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class HoldCause(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class LiftCause(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class Delivery(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class AskKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class Urgency(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class AnswerForm(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class AtDeadline(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class Verdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class AnswerVia(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class Gate(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class Ending(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class WhenUnknown(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class Scope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class CallState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class CallOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class CutCause(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class ToolOrigin(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []
