import AgentFiles
import FermataProtocol
import SwiftProtobuf
import Testing

@Suite(.timeLimit(.minutes(1)))
struct WorkerToolTests {
    private func parse(_ text: String) throws -> FermataAgent { try AgentFile.parse(Array(text.utf8), file: "a.yaml") }

    @Test func parametersBecomeJSONInTheirOrder() throws {
        let agent = try parse(
            """
            name: a
            limits: {max_repeats: 3}
            worker_tools:
              - name: refund
                description: Pays money back.
                parameters:
                  type: object
                  required: [amount, "to"]
                  properties:
                    to: {type: string, description: "Who: a name"}
                    amount: {type: number, minimum: 0.50}
                  additionalProperties: false
                idempotent: true
              - {name: ping, parameters: "{\\"type\\": \\"object\\"}", parallel: true}
              - name: store
                parameters: {type: object}
                idempotent_when: [{pointer: /mode, equals: read}, {pointer: /depth, less: 3}, {matches: "^a"}]
            """)
        #expect(agent.limits.maxRepeats == 3)
        #expect(
            agent.workerTools == [
                .with {
                    $0.name = "refund"
                    $0.description_p = "Pays money back."
                    $0.parameters = """
                        {"type":"object","required":["amount","to"],"properties":{"to":{"type":"string",\
                        "description":"Who: a name"},"amount":{"type":"number","minimum":0.50}},\
                        "additionalProperties":false}
                        """
                    $0.idempotent = true
                },
                .with {
                    $0.name = "ping"
                    $0.parameters = #"{"type": "object"}"#
                    $0.parallel = true
                },
                .with {
                    $0.name = "store"
                    $0.parameters = #"{"type":"object"}"#
                    $0.idempotentWhen = [
                        .with { ($0.pointer, $0.equals) = ("/mode", #""read""#) },
                        .with { ($0.pointer, $0.less) = ("/depth", 3) }, .with { $0.matches = "^a" },
                    ]
                },
            ])
        let text = AgentFile.text(of: agent)
        #expect(try parse(text) == agent, "\(text)")
        #expect(text.contains("    type: object\n"), "\(text)")
    }

    /// Whatever its text is, a schema comes back byte for byte.
    @Test(arguments: [
        #"{"type":"object"}"#, #"{ "type" : "object" }"#, #"{"description":"\ud83c\udfbc \/ \u0007","type":"object"}"#,
        "{}",
        #"{"enum":["yes","1",1,1.0,null,true,"",[],{}]}"#, "{\"title\":\"two\\nlines: #\"}",
        "{\n\"type\":\"object\"\n}",
    ])
    func schemasComeBackAsTheyWere(_ parameters: String) throws {
        let agent = FermataAgent.with {
            $0.name = "a"
            $0.workerTools = [.with { ($0.name, $0.parameters) = ("t", parameters) }]
        }
        #expect(try parse(AgentFile.text(of: agent)) == agent)
    }

    @Test(arguments: [
        ("worker_tools: refund", "a.yaml:2: worker_tools: must be a list of tools"),
        ("worker_tools: [{parameters: {}}]", "a.yaml:2: worker_tools[0].name: is missing"),
        ("worker_tools: [{name: t}]", "a.yaml:2: worker_tools[0].parameters: is missing"),
        (
            "worker_tools: [{name: t, parameters: {}, idempotent: yes}]",
            "a.yaml:2: worker_tools[0].idempotent: must be true"
        ),
        (
            "worker_tools: [{name: t, parameters: {type: thing}}]",
            "a.yaml:2: worker_tools[0].parameters: must be a JSON Schema"
        ),
        (
            "worker_tools: [{name: t, parameters: {pattern: 5}}]",
            "a.yaml:2: worker_tools[0].parameters: must be a JSON Schema"
        ),
        (
            "worker_tools: [{name: t, parameters: 'no JSON'}]",
            "a.yaml:2: worker_tools[0].parameters: must be a JSON Schema"
        ),
        (
            "worker_tools: [{name: t, parameters: {type: 2001-01-01}}]",
            "a.yaml:2: worker_tools[0].parameters.type: must be text"
        ),
        (
            "worker_tools: [{name: t, parameters: {}, idempotent_when: read}]",
            "a.yaml:2: worker_tools[0].idempotent_when: must be a list"
        ),
        (
            "worker_tools: [{name: t, parameters: {}, idempotent_when: [{pointer: mode, equals: 1}]}]",
            "a.yaml:2: worker_tools[0].idempotent_when[0].pointer: must be a JSON pointer"
        ),
        (
            "worker_tools: [{name: t, parameters: {}, idempotent_when: [{pointer: /mode}]}]",
            "a.yaml:2: worker_tools[0].idempotent_when[0]: must be one of"
        ),
        ("worker_tools: [{name: t, parameter: {}}]", "a.yaml:2: worker_tools[0].parameter: is not known; did you mean"),
        ("limits: {max_repeats: 1}", "a.yaml:2: limits.max_repeats: must be at least 2"),
    ])
    func mistakes(_ line: String, _ expected: String) {
        do throws(AgentFileError) {
            _ = try AgentFile.parse(Array("name: a\n\(line)".utf8), file: "a.yaml")
            Issue.record("nothing was wrong")
        } catch {
            #expect(error.mistakes.contains { $0.description.hasPrefix(expected) }, "\(error)")
        }
    }
}
