/// The table: every field of every request that can be long. A test holds it to protocol/fermata.proto, so that a new
/// field without a limit is noticed.
extension MessageLimits {
    // A UUID has 36 bytes; a beginning of one may have more hyphens.
    private static let id = FieldLimits.Limit.text(64)
    private static let name = FieldLimits.Limit.text(256)
    private static let note = FieldLimits.Limit.text(4 << 10)
    private static let path = FieldLimits.Limit.text(4 << 10)
    private static let model = FieldLimits.Limit.text(1 << 10)
    private static let url = FieldLimits.Limit.text(1 << 10)
    private static let token = FieldLimits.Limit.text(256)
    private static let cursor = FieldLimits.Limit.text(256)
    private static let digest = FieldLimits.Limit.text(256)
    private static let text = FieldLimits.Limit.text(1 << 20)
    private static let models = FieldLimits.Limit.texts(16, each: 4 << 10)
    private static let names = FieldLimits.Limit.texts(1024, each: 256)
    /// Of an enum that has a dozen values.
    private static let statuses = FieldLimits.Limit.numbers(64)

    private static let label = MessageLimits("LabelEntry", .init(1, "key", note), .init(2, "value", note))
    private static let modelOptions = MessageLimits(
        "ModelOptions", .init(5, "reasoning_effort", name), .init(6, "stop", .texts(64, each: 1024)))
    private static let limits = MessageLimits("Limits")
    private static let condition = MessageLimits(
        "Condition", .init(1, "pointer", .text(4 << 10)), .init(2, "equals", .text(64 << 10)),
        .init(5, "matches", .text(4 << 10)))
    private static let rule = MessageLimits("Rule", .init(1, "when", .messages(256, condition)))
    private static let toolPolicy = MessageLimits(
        "ToolPolicy", .init(1, "tool", name), .init(2, "rules", .messages(1024, rule)))
    private static let policy = MessageLimits("Policy", .init(1, "tools", .messages(1024, toolPolicy)))
    private static let toolSpec = MessageLimits(
        "ToolSpec", .init(1, "name", name), .init(2, "description", .text(64 << 10)),
        .init(3, "parameters", .text(256 << 10)), .init(7, "idempotent_when", .messages(256, condition)))
    private static let tools = FieldLimits.Limit.messages(1024, toolSpec)
    private static let sticky = MessageLimits("Sticky", .init(1, "when", .messages(256, condition)))
    private static let answerFormat = MessageLimits(
        "AnswerFormat", .init(2, "choices", .texts(1024, each: 4 << 10)), .init(3, "schema", .text(64 << 10)))
    private static let question = MessageLimits(
        "Question", .init(1, "question", .text(256 << 10)), .init(2, "context", text),
        .init(4, "format", .message(answerFormat)), .init(7, "default_answer", text))
    private static let blob = MessageLimits(
        "Blob", .init(1, "sha256", digest), .init(3, "media_type", name), .init(4, "name", note))
    // What models have written is in no command; such a block is refused with its own words.
    private static let block = MessageLimits(
        "Block", .init(2, "reasoning", text), .init(4, "opaque", text), .init(5, "image", .message(blob)),
        .init(6, "file", .message(blob)), .init(8, "json", text))
    private static let blocks = FieldLimits.Limit.messages(1024, block)
    private static let agent = MessageLimits(
        "Agent", .init(1, "name", name), .init(2, "description", .text(64 << 10)), .init(3, "model", .text(4 << 10)),
        .init(4, "model_options", .message(modelOptions)), .init(5, "system_prompt", .text(2 << 20)),
        .init(6, "tools", names), .init(8, "limits", .message(limits)), .init(9, "policy", .message(policy)),
        .init(10, "worker_tools", tools), .init(11, "fallback_models", models))

    /// Of a command, after the fields that every command has.
    private static func command(_ name: String, _ fields: Field...) -> MessageLimits {
        MessageLimits(
            name: name,
            [.init(1, "request_id", id), .init(2, "by", note), .init(3, "reason", note)] + fields)
    }

    /// By the type of the frame that brings it.
    static let requests: [FermataFrameType: MessageLimits] = [
        .hello: MessageLimits("Hello", .init(1, "client", note)),
        .auth: MessageLimits("Auth", .init(1, "token", token)),
        .launch: command(
            "Launch", .init(5, "task", text), .init(6, "model", .text(4 << 10)), .init(7, "workspace", path),
            .init(8, "system_prompt", text), .init(9, "tools", names), .init(11, "labels", .messages(1024, label)),
            .init(12, "agent", name), .init(13, "model_options", .message(modelOptions)),
            .init(14, "limits", .message(limits)), .init(15, "policy", .message(policy)),
            .init(17, "worker_tools", tools), .init(18, "parent", id), .init(19, "blocks", blocks),
            .init(20, "fallback_models", models)),
        .send: command("Send", .init(5, "run", id), .init(6, "text", text), .init(8, "blocks", blocks)),
        .withdraw: command("Withdraw", .init(5, "run", id)),
        .pause: command("Pause", .init(5, "run", id)),
        .interrupt: command("Interrupt", .init(5, "run", id)),
        .resume: command(
            "Resume", .init(5, "run", id), .init(6, "text", text), .init(7, "token", token), .init(9, "model", model),
            .init(10, "base_url", url)),
        .stop: command("Stop", .init(5, "run", id)),
        .answer: command(
            "Answer", .init(5, "run", id), .init(7, "text", text), .init(9, "arguments", text),
            .init(10, "arguments_sha256", digest), .init(11, "sticky", .message(sticky)),
            .init(12, "limits", .message(limits)), .init(13, "token", token)),
        .decideCall: command(
            "DecideCall", .init(5, "run", id), .init(8, "text", text), .init(9, "arguments", text),
            .init(10, "arguments_sha256", digest)),
        .setPolicy: command("SetPolicy", .init(5, "run", id), .init(6, "policy", .message(policy))),
        .setBudget: command("SetBudget", .init(5, "run", id), .init(6, "limits", .message(limits))),
        .fork: command(
            "Fork", .init(5, "run", id), .init(9, "text", text), .init(11, "arguments", text),
            .init(12, "workspace", path)),
        .export: command("Export", .init(5, "run", id), .init(7, "after", cursor)),
        .import: command(
            "Import", .init(4, "upload", id), .init(6, "text", .text(Frame.maximumMessageLength)),
            .init(9, "workspace", path), .init(10, "answer", text)),
        .putAgent: command("PutAgent", .init(5, "agent", .message(agent))),
        .registerTools: command("RegisterTools", .init(4, "worker", name), .init(5, "tools", tools)),
        .startCall: command("StartCall", .init(5, "run", id), .init(8, "worker", name)),
        .completeCall: command(
            "CompleteCall", .init(5, "run", id), .init(8, "worker", name), .init(9, "result", text),
            .init(10, "error", text), .init(11, "pause", .message(question)), .init(12, "blocks", blocks)),
        .putBlob: command("PutBlob", .init(4, "data", .text(FermataBlob.maximumBytes))),
        .createToken: command("CreateToken", .init(4, "name", name)),
        .revokeToken: command("RevokeToken", .init(4, "id", id)),
        .takeCalls: MessageLimits("TakeCalls", .init(1, "worker", name), .init(2, "tools", names)),
        .extendCall: MessageLimits(
            "ExtendCall", .init(1, "run", id), .init(4, "worker", name), .init(6, "output", text)),
        .getRun: MessageLimits("GetRun", .init(1, "run", id), .init(2, "until", statuses)),
        .listRuns: MessageLimits(
            "ListRuns", .init(1, "status", statuses), .init(3, "after", cursor), .init(4, "agent", name),
            .init(5, "parent", id)),
        .listAsks: MessageLimits("ListAsks", .init(1, "run", id), .init(3, "after", cursor)),
        .readEvents: MessageLimits("ReadEvents", .init(1, "run", id)),
        .getUsage: MessageLimits("GetUsage", .init(1, "run", id), .init(2, "agent", name)),
        .getBlob: MessageLimits("GetBlob", .init(1, "sha256", digest)),
        .getAgent: MessageLimits("GetAgent", .init(1, "name", name)),
        .listAgents: MessageLimits("ListAgents", .init(2, "after", cursor)),
        .listTools: MessageLimits("ListTools", .init(2, "after", cursor)),
        .listTokens: MessageLimits("ListTokens", .init(2, "after", cursor)),
        .stats: MessageLimits("Stats"),
    ]
}
