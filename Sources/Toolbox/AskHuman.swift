extension ToolDefinition {
    /// `ask_human`: the run waits for an answer from outside. Decided by the core and never executed: only what the
    /// model is told of it is here.
    public static let askHuman = ToolDefinition(
        name: "ask_human",
        description: """
            Asks the people who supervise this work a question and waits for the answer, however long that takes. \
            Use it when a decision is not yours to make, or when something is missing that only they know. \
            The result is the answer as they wrote it.
            """,
        parametersJSON: """
            {"type":"object","properties":{\
            "question":{"type":"string","minLength":1,\
            "description":"One clear question, understandable without the conversation."},\
            "context":{"type":"string",\
            "description":"What they need to know to answer: what you found, the choices, what you would do."}\
            },"required":["question"],"additionalProperties":false}
            """,
        idempotent: true,
        parallel: true
    )
}
