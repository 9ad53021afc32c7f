internal import FermataProtocol
internal import SwiftProtobuf

extension CoreTool {
    /// `ask_human`: the run waits for an answer from outside, which is the call's result.
    public static let askHuman = CoreTool(
        name: "ask_human",
        description: """
            Asks the people who supervise this work a question and waits for the answer, however long that takes. \
            Use it when a decision is not yours to make, or when something is missing that only they know. \
            The result is the answer as they wrote it; an answer that does not have the format that you ask for is \
            not taken.
            """,
        parameters: """
            {"type":"object","properties":{\
            "question":{"type":"string","minLength":1,\
            "description":"One clear question, understandable without the conversation."},\
            "context":{"type":"string",\
            "description":"What they need to know to answer: what you found, what you would do."},\
            "urgency":{"type":"string","enum":["low","normal","high","critical"],\
            "description":"Normal if left out. High and critical are for what costs something while it waits."},\
            "format":{"type":"string","enum":["free_text","yes_no","choice","json"],\
            "description":"What the answer is: any text (if left out), exactly yes or no, exactly one of the choices, \
            or JSON that fits the schema."},\
            "choices":{"type":"array","maxItems":100,\
            "items":{"type":"string","minLength":1,"maxLength":1024},\
            "description":"The possible answers, all different; with the format choice, else left out or empty."},\
            "schema":{"type":"object",\
            "description":"JSON Schema of the answer, with the format json. Possible are type, enum, const, properties, \
            required, additionalProperties (true or false), items, minItems, maxItems, minLength, maxLength, minimum, \
            maximum."}\
            },"required":["question"],"additionalProperties":false}
            """,
        idempotent: true,
        parallel: true,
        asksPeople: true,
        problem: { FermataQuestion(askHuman: $0).problem.map { "The question cannot be asked: \($0)" } },
        decide: { decision, call in
            // Checked against the tool's schema when the call was selected.
            var question = FermataQuestion(askHuman: (try? JSONValue(parsing: call.arguments)) ?? .null)
            if let policy = decision.run.spec.policy.of(call.tool), policy.deadlineMs > 0 {
                question.deadlineMs = policy.deadlineMs
                question.atDeadline = .rejectIt
            }
            decision.open(.question, question, of: call)
        })
}
