import FermataCore
import FermataProtocol
import SwiftProtobuf
import Testing

/// What of a policy can never act, by the schemas of the tools that it names.
@Suite struct UnreachablePolicyTests {
    private static let spec = FermataToolSpec.with {
        $0.name = "refund"
        $0.parameters = #"""
            {"type":"object","additionalProperties":false,"properties":{"amount":{"type":["number","null"]},
            "to":{"type":"string"},"kind":{"enum":["part","whole",3]},"any":{},"free":{"type":"object"},
            "a/b":{"type":"boolean"},"few":{"type":"array","maxItems":2,"items":{"type":"integer","minimum":-2}},"list":{"type":"array","items":{"type":"integer","maximum":9}},
            "either":{"type":["object","array"],"properties":{"0":{"type":"string"}}}}}
            """#
    }

    private func unreachable(_ pointer: String, _ test: FermataCondition.OneOf_Test) -> String? {
        let condition = FermataCondition.with { ($0.pointer, $0.test) = (pointer, test) }
        let policy = FermataPolicy.with {
            $0.tools = [
                .with { ($0.tool, $0.rules) = ("refund", [.with { ($0.when, $0.gate) = ([condition], .deny) }]) }
            ]
        }
        #expect(policy.problems.isEmpty)
        let problem = policy.unreachable(tools: [Self.spec])
        // What is set already is not looked at again.
        #expect(policy.unreachable(tools: [Self.spec], old: policy) == nil)
        guard let problem else { return nil }
        #expect(problem.field.hasPrefix("tools[0].rules[0].when[0]."))
        return String(problem.field.dropFirst("tools[0].rules[0].when[0].".count))
    }

    /// A rule behind one that is for all of its calls, and a gate behind a rule that is for every call.
    @Test(
        arguments: [
            ([[]], FermataGate.deny, "gate"), ([[]], .ask, "gate"), ([[]], .allow, nil), ([[]], .unspecified, nil),
            ([[("/to", .matches("x"))], [("/to", .matches("x"))]], .unspecified, "rules[1]"),
            ([[("/to", .matches("x"))], [("/to", .matches("y"))]], .unspecified, nil),
            ([[("/amount", .greater(5))], [("/amount", .greater(10))]], .unspecified, "rules[1]"),
            ([[("/amount", .greater(10))], [("/amount", .greater(5))]], .unspecified, nil),
            ([[("/amount", .less(5))], [("/to", .matches("x")), ("/amount", .less(5))]], .unspecified, "rules[1]"),
            ([[("/amount", .less(5)), ("/to", .matches("x"))], [("/amount", .less(5))]], .deny, nil),
            ([[("/amount", .greater(1))], [("/to", .matches("x"))], [("/amount", .equals("7"))]], .deny, "rules[2]"),
            ([[("/to", .matches("^s"))], [("/to", .equals("\"sea\""))]], .deny, "rules[1]"),
        ] as [([[(String, FermataCondition.OneOf_Test)]], FermataGate, String?)])
    func whatIsNeverComeTo(
        _ rules: [[(String, FermataCondition.OneOf_Test)]], _ gate: FermataGate, _ field: String?
    ) {
        let policy = FermataPolicy.with {
            $0.tools = [
                .with {
                    $0.tool = "refund"
                    $0.gate = gate
                    $0.rules = rules.map { conditions in
                        .with {
                            $0.gate = .allow
                            $0.when = conditions.map { pointer, test in
                                .with { ($0.pointer, $0.test) = (pointer, test) }
                            }
                        }
                    }
                }
            ]
        }
        let problem = policy.unreachable(tools: [Self.spec])
        #expect(problem?.field == field.map { "tools[0].\($0)" }, "\(problem.map { "\($0)" } ?? "none")")
    }

    @Test func conditionsThatCanHold() {
        let tests: [(String, FermataCondition.OneOf_Test)] = [
            ("/amount", .greater(1)), ("/amount", .less(1)), ("/amount", .equals("5")), ("/amount", .equals("null")),
            ("/amount", .equals("2.5")), ("/to", .matches("x")), ("/to", .equals("\"x\"")), ("/kind", .equals("3")),
            ("/kind", .greater(1)), ("/kind", .matches("^par")), ("/list/0", .less(9)), ("/any", .greater(1)),
            ("/any/thing/0", .matches("x")),
            ("/free/thing", .equals("[]")), ("/a~1b", .equals("true")), ("/list/0", .greater(1)),
            ("/list/12", .equals("9")),
            ("/list", .equals("[1,2]")), ("/either/0", .greater(1)), ("/either/1", .matches("x")), ("", .equals("{}")),
        ]
        for (pointer, test) in tests { #expect(unreachable(pointer, test) == nil, "\(pointer) \(test)") }
    }

    @Test func conditionsThatCannot() {
        let tests: [(String, FermataCondition.OneOf_Test, String)] = [
            ("/amout", .greater(1), "pointer"), ("/a/b", .equals("true"), "pointer"),
            ("/to/0", .matches("x"), "pointer"),
            ("/list/x", .greater(1), "pointer"), ("/list/01", .greater(1), "pointer"), ("/", .matches("x"), "pointer"),
            ("/amount", .matches("x"), "matches"), ("/amount", .equals("\"5\""), "equals"),
            ("/to", .greater(1), "greater"),
            ("/to", .less(1), "less"), ("/to", .equals("5"), "equals"), ("/kind", .equals("\"all\""), "equals"),
            ("/list", .greater(1), "greater"), ("/list/0", .equals("10"), "equals"),
            ("/list/0", .matches("x"), "matches"),
            ("", .matches("x"), "matches"), ("/a~1b", .less(1), "less"), ("/kind", .matches("x"), "matches"),
            ("/kind", .greater(3), "greater"), ("/kind", .less(3), "less"), ("/list/0", .greater(9), "greater"),
            ("/list/12", .equals("[]"), "equals"), ("/few/2", .equals("1"), "pointer"), ("/few/0", .less(-2), "less"),
        ]
        for (pointer, test, field) in tests { #expect(unreachable(pointer, test) == field, "\(pointer) \(test)") }
    }

    /// Two conditions on one place, and rules behind one that is for every call.
    @Test func whatExcludesEachOther() {
        func field(_ rules: [FermataRule]) -> String? {
            FermataPolicy.with { $0.tools = [.with { ($0.tool, $0.rules) = ("refund", rules) }] }
                .unreachable(tools: [Self.spec])?.field
        }
        func rule(_ tests: FermataCondition.OneOf_Test..., at pointer: String = "/amount") -> FermataRule {
            .with {
                $0.gate = .deny
                $0.when = tests.map { test in .with { ($0.pointer, $0.test) = (pointer, test) } }
            }
        }
        let second = "tools[0].rules[0].when[1]"
        #expect(field([rule(.greater(5), .less(3))]) == second && field([rule(.less(5), .greater(5))]) == second)
        #expect(
            field([rule(.equals("1"), .equals("2"))]) == second && field([rule(.greater(5), .equals("5"))]) == second)
        #expect(field([rule(.matches("^a"), .equals("\"b\""), at: "/to")]) == second)
        #expect(field([rule(.greater(3), .less(5))]) == nil && field([rule(.greater(3), .greater(5))]) == nil)
        #expect(field([rule(.matches("a"), .equals("\"ab\""), at: "/to")]) == nil)
        let all = FermataRule.with { $0.gate = .allow }
        #expect(field([all, rule(.greater(1))]) == "tools[0].rules[1]")
        #expect(field([rule(.greater(1)), all]) == nil)
    }

    @Test func namesOfTools() {
        func unreachable(_ name: String, isTool: Bool = false) -> String? {
            let policy = FermataPolicy.with { $0.tools = [.with { ($0.tool, $0.gate) = (name, .ask) }] }
            return policy.unreachable(tools: [Self.spec], others: ["deploy"], isTool: { _ in isTool })?.description
        }
        #expect(unreachable("refund") == nil)
        #expect(unreachable("reboot", isTool: true) == nil)
        #expect(
            unreachable("refnud")
                == "tools[0].tool names 'refnud', and there is no tool of this name; did you mean refund? "
                + "(tools: refund, deploy)")
        #expect(
            unreachable("Deploy")
                == "tools[0].tool names 'Deploy', and there is no tool of this name; did you mean deploy? "
                + "(tools: refund, deploy)")
        #expect(unreachable("x\u{1b}") == "tools[0].tool names what no tool is called (tools: refund, deploy)")
    }

    /// A schema that cannot be used lets no call run; nothing is said of its conditions.
    @Test func aSchemaThatCannotBeUsed() {
        var spec = Self.spec
        spec.parameters = #"{"not":{}}"#
        let policy = FermataPolicy.with {
            $0.tools = [
                .with {
                    ($0.tool, $0.rules) = (
                        "refund", [.with { $0.when = [.with { ($0.pointer, $0.greater) = ("/x", 1) }] }]
                    )
                }
            ]
        }
        #expect(policy.unreachable(tools: [spec]) == nil)
    }

    /// How long people are asked for, where nobody is ever asked.
    @Test func deadlinesOfNothing() {
        func problems(_ change: (inout FermataToolPolicy) -> Void) -> [String] {
            var policy = FermataToolPolicy.with { ($0.tool, $0.deadlineMs) = ("refund", 1000) }
            change(&policy)
            let whole = FermataPolicy.with { $0.tools = [policy] }
            return (whole.problems.map(\.field) + [whole.unreachable(tools: [Self.spec], isTool: { _ in true })?.field])
                .compactMap(\.self).filter { $0.hasSuffix("deadline_ms") }
        }
        #expect(problems { $0.gate = .allow } == ["tools[0].deadline_ms"])
        // What is there already may stay.
        let old = FermataPolicy.with {
            $0.tools = [.with { ($0.tool, $0.deadlineMs, $0.gate) = ("refund", 1000, .deny) }]
        }
        #expect(old.problems.isEmpty && old.unreachable(tools: [Self.spec], isTool: { _ in true }, old: old) == nil)
        #expect(problems { $0.gate = .deny } == ["tools[0].deadline_ms"])
        #expect(problems { $0.rules = [.with { $0.gate = .deny }] } == ["tools[0].deadline_ms"])
        #expect(problems { $0.gate = .ask } == [])
        #expect(problems { $0.rules = [.with { $0.gate = .ask }] } == [])
        // A condition that cannot be evaluated asks.
        #expect(problems { $0.rules = [.with { ($0.gate, $0.when) = (.deny, [.with { $0.greater = 1 }]) }] } == [])
        #expect(problems { $0.tool = "ask_human" } == [])
    }
}
