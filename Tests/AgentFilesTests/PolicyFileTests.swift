import AgentFiles
import FermataProtocol
import SwiftProtobuf
import Testing

@Suite(.timeLimit(.minutes(1)))
struct PolicyFileTests {
    private func parse(_ text: String) throws -> FermataPolicy {
        try PolicyFile.parse(Array(text.utf8), file: "p.yaml")
    }

    private func mistakes(_ text: String) -> [String] {
        do throws(AgentFileError) {
            _ = try PolicyFile.parse(Array(text.utf8), file: "p.yaml")
            return []
        } catch {
            return error.mistakes.map(\.description)
        }
    }

    private func condition(_ test: FermataCondition.OneOf_Test, at pointer: String = "") -> FermataCondition {
        .with { ($0.pointer, $0.test) = (pointer, test) }
    }

    private let text = """
        terminal: ask
        file_editor:
          gate: deny
        refund:
          rules:
            - when:
                - {pointer: /amount, greater: 500}
                - {pointer: /currency, equals: EUR}
              gate: deny
            - {gate: allow, when: [{pointer: /amount, less: 1.5}]}
            - gate: ask
              when: [{pointer: /note, matches: "^[A-Z]+$"}, {equals: {b: [1, null, true], a: "x"}}]
          when_unknown: ask_people
          urgency: critical
          deadline: 1h30m
        "true": allow
        empty: {}

        """

    @Test func everyKey() throws {
        let policy = try parse(text)
        let expected = FermataPolicy.with {
            $0.tools = [
                .with { ($0.tool, $0.gate) = ("terminal", .ask) },
                .with { ($0.tool, $0.gate) = ("file_editor", .deny) },
                .with {
                    $0.tool = "refund"
                    $0.rules = [
                        .with {
                            $0.gate = .deny
                            $0.when = [
                                condition(.greater(500), at: "/amount"), condition(.equals("\"EUR\""), at: "/currency"),
                            ]
                        },
                        .with { ($0.gate, $0.when) = (.allow, [condition(.less(1.5), at: "/amount")]) },
                        .with {
                            $0.gate = .ask
                            $0.when = [
                                condition(.matches("^[A-Z]+$"), at: "/note"),
                                condition(.equals(#"{"a":"x","b":[1,null,true]}"#)),
                            ]
                        },
                    ]
                    $0.whenUnknown = .askPeople
                    $0.urgency = .critical
                    $0.deadlineMs = 5_400_000
                },
                .with { ($0.tool, $0.gate) = ("true", .allow) }, .with { $0.tool = "empty" },
            ]
        }
        #expect(policy == expected)
        #expect(try parse(PolicyFile.text(of: policy)) == policy)
        let agent = try AgentFile.parse(
            Array(("name: a\npolicy:\n" + text.split(separator: "\n").map { "  \($0)\n" }.joined()).utf8),
            file: "a.yaml")
        #expect(agent.policy == policy)
        #expect(try AgentFile.parse(Array(AgentFile.text(of: agent).utf8), file: "") == agent)
        #expect(try parse("{}") == FermataPolicy() && PolicyFile.text(of: FermataPolicy()) == "{}\n")
        #expect(PolicyFile.text(of: try parse("terminal: {gate: ask}")) == "terminal: ask\n")
    }

    /// Written by other clients, a value may be spelled otherwise than a file would.
    @Test func valuesComeBackAsTheyWere() throws {
        for json in [
            "1.0", "-0.25", "1e3", "\"yes\"", "\"12\"", "\"\"", "null", "false", "[]", "{}", "\"a\\nb\"",
            "12345678901234567890",
            #"{"z":1, "a":{"é":"\u00e9 🎼"}}"#, "\"null\"", "\"~\"", "\"a: b # c\"", "\"*x\"", "[[1,[2]],\"&\"]",
        ] {
            let agent = FermataAgent.with {
                $0.name = "a"
                $0.policy.tools = [
                    .with {
                        $0.tool = "t"
                        $0.deadlineMs = 1001
                        $0.rules = [.with { ($0.gate, $0.when) = (.ask, [condition(.equals(json), at: "/x")]) }]
                    }
                ]
            }
            let text = AgentFile.text(of: agent)
            let again = try AgentFile.parse(Array(text.utf8), file: "")
            #expect(again.policy.tools[0].deadlineMs == 1001)
            // The text of it is a file's own, and does not change any more.
            #expect(AgentFile.text(of: again) == text, "\(json)")
        }
    }

    @Test(arguments: [
        ("t: maybe", "p.yaml:1: t: must be allow, ask or deny"),
        ("t: [ask]", "p.yaml:1: t: must have keys; known: rules, gate, when_unknown, urgency, deadline"),
        ("t: {gates: ask}", "p.yaml:1: t.gates: is not known; did you mean gate?"),
        ("t:\n  rules: ask", "p.yaml:2: t.rules: must be a list of rules"),
        ("t:\n  rules:\n    - when: []", "p.yaml:3: t.rules[0].gate: must be allow, ask or deny"),
        (
            "t:\n  rules:\n    - {gate: deny, when: [{pointer: amount, less: 1}]}",
            "p.yaml:3: t.rules[0].when[0].pointer: must"
        ),
        (
            "t:\n  rules:\n    - {gate: deny, when: [{less: 1, greater: 0}]}",
            "p.yaml:3: t.rules[0].when[0]: must have one of"
        ),
        (
            "t:\n  rules:\n    - {gate: deny, when: [{pointer: /a}]}",
            "p.yaml:3: t.rules[0].when[0]: must be one of equals"
        ),
        (
            "t:\n  rules:\n    - gate: deny\n      when:\n        - matches: '('",
            "p.yaml:5: t.rules[0].when[0].matches: must"
        ),
        (
            "t: {rules: [{gate: deny, when: [{matches: '(a)\\1'}]}]}",
            "p.yaml:1: t.rules[0].when[0].matches: must be a POSIX"
        ),
        (
            "t: {rules: [{gate: ask, when: [{greater: high}]}]}",
            "p.yaml:1: t.rules[0].when[0].greater: must be a number"
        ),
        (
            "t: {rules: [{gate: ask, when: [{equals: yes}]}]}",
            "p.yaml:1: t.rules[0].when[0].equals: must be text; put it in"
        ),
        (
            "t: {rules: [{gate: ask, when: [{equals: {a: 0x10}}]}]}",
            "p.yaml:1: t.rules[0].when[0].equals.a: must be text"
        ),
        ("t: {deadline: 90}", "p.yaml:1: t.deadline: must be a period"),
        ("t: {deadline: 60d}", "p.yaml:1: t.deadline: must be a period"),
        ("t: {urgency: urgent}", "p.yaml:1: t.urgency: must be low, normal, high or critical"),
        ("t: {when_unknown: ask}", "p.yaml:1: t.when_unknown: must be ask_people or tell_model"),
        ("7: ask", "p.yaml:1: 7: must be text"), ("\"\": ask", "p.yaml:1"), ("[t]", "p.yaml:1: must have tools"),
        ("t: ask\nt: deny", "p.yaml:1: t: is given twice"), ("", "p.yaml: is empty"),
        ("t: &a ask", "p.yaml:1: anchors"),
    ])
    func oneMistake(_ text: String, _ expected: String) {
        let found = mistakes(text)
        #expect(found.count == 1 && found[0].hasPrefix(expected), "\(found)")
    }

    @Test func sizesHaveAnEnd() {
        let tools = (0...256).map { "t\($0): ask" }.joined(separator: "\n")
        #expect(mistakes(tools) == ["p.yaml: tools must be at most 256"] || mistakes(tools).count == 1)
        let rules = "t:\n  rules:\n" + String(repeating: "    - gate: ask\n", count: 101)
        #expect(mistakes(rules) == ["p.yaml:2: t.rules: must be at most 100"])
        let deep = String(repeating: "[", count: 200) + String(repeating: "]", count: 200)
        #expect(mistakes("t: {rules: [{gate: ask, when: [{equals: \(deep)}]}]}").count == 1)
    }

    @Test func periods() {
        for (text, milliseconds) in [
            ("90s", 90_000), ("1h30m", 5_400_000), ("250ms", 250), ("1d2h3m4s5ms", 93_784_005),
        ] as [(String, Int64)] {
            #expect(Period(text)?.milliseconds == milliseconds)
            #expect(Period(Period(milliseconds: milliseconds).description)?.milliseconds == milliseconds)
        }
        for text in ["", "5", "s", "0s", "1m1h", "1s1s", "-1s", "1 s", "1.5h", "1h ", "١s", "999999999999s", "1sm"] {
            #expect(Period(text) == nil, "\(text)")
        }
    }
}
