import FermataProtocol
import SwiftProtobuf
import Testing

@testable import FermataCore

/// Rules of policies: which one decides, and what happens where none can be told.
@Suite struct PolicyTests {
    private func gate(_ policy: FermataToolPolicy, _ arguments: String) -> FermataGate {
        FermataPolicy.with { $0.tools = [policy] }.gate(tool: "t", arguments: arguments)
    }

    @Test func theFirstRuleThatAppliesDecides() {
        let small = FermataCondition.at("/amount", .less(100))
        let policy = FermataToolPolicy.of(
            "t", .ask, .when(.deny, .at("/to", .equals(#""eve""#))), .when(.allow, small),
            .when(.deny, .at("/amount", .greater(1e6))))
        #expect(gate(policy, #"{"to":"bob","amount":99.9}"#) == .allow)
        #expect(gate(policy, #"{"to":"eve","amount":1}"#) == .deny)
        #expect(gate(policy, #"{"to":"bob","amount":100}"#) == .ask)
        #expect(gate(policy, #"{"to":"bob","amount":1000001}"#) == .deny)
        #expect(FermataPolicy().gate(tool: "t", arguments: "{}") == .allow)
    }

    /// What cannot be told asks, unless a later rule denies for certain.
    @Test(arguments: [
        (#"{"a":"x"}"#, FermataGate.allow), (#"{"a":"y"}"#, .allow), (#"{"b":1}"#, .ask), (#"{"a":1}"#, .ask),
        ("{", .ask),
        ("7", .ask), (#"{"b":2}"#, .deny), (#"{"a":null,"b":2}"#, .deny),
    ])
    func whatCannotBeToldAsks(_ arguments: String, _ expected: FermataGate) {
        let policy = FermataToolPolicy.of(
            "t", .allow, .when(.allow, .at("/a", .matches("x"))), .when(.deny, .at("/b", .equals("2"))),
            .when(.allow, .at("", .equals("7"))))
        // The second rule cannot be told either where there is no b.
        #expect(gate(policy, arguments) == (arguments == #"{"a":"y"}"# ? .ask : expected))
    }

    @Test(
        arguments: [
            ("", "{}", true), ("/a", "1", true), ("/b/1", "20", true), ("/b/01", "20", nil), ("/b/2", "20", nil),
            ("/c~1d", "3", true), ("/e~0f", "4", true), ("/g~01", "5", true), ("/h/", "6", true), ("/x", "1", nil),
            ("/a/x", "1", nil), ("/b/-", "20", nil), ("/b/-1", "20", nil), ("/a", "1.0", true), ("/a", #""1""#, false),
        ] as [(String, String, Bool?)])
    func pointers(_ pointer: String, _ value: String, _ holds: Bool?) {
        let arguments = pointer.isEmpty ? "{}" : #"{"a":1,"b":[10,20],"c/d":3,"e~f":4,"g~1":5,"h":{"":6}}"#
        let expected: FermataGate = holds.map { $0 ? .deny : .allow } ?? .ask
        #expect(gate(.of("t", .allow, .when(.deny, .at(pointer, .equals(value)))), arguments) == expected)
    }

    @Test(
        arguments: [
            ("9007199254740993", 9_007_199_254_740_992.0, true), ("9007199254740992", 9_007_199_254_740_992, false),
            ("1e308", 1e300, true), ("-1", -0.5, false), ("0.1", 0.1, false),
            ("340282366920938463463374607431768211457", 1, true),
            (#""2""#, 1, nil), ("true", 0, nil), ("null", 0, nil), ("[2]", 1, nil),
        ] as [(String, Double, Bool?)])
    func numbers(_ value: String, _ bound: Double, _ isGreater: Bool?) {
        let expected: FermataGate = isGreater.map { $0 ? .deny : .allow } ?? .ask
        #expect(gate(.of("t", .allow, .when(.deny, .at("", .greater(bound)))), value) == expected)
    }

    @Test func allConditionsOfARuleHold() {
        let both = FermataToolPolicy.of(
            "t", .allow, .when(.deny, .at("/a", .equals("1")), .at("/b", .equals("2"))))
        #expect(gate(both, #"{"a":1,"b":2}"#) == .deny)
        #expect(gate(both, #"{"a":1,"b":3}"#) == .allow)
        // One that does not hold settles it, whatever the other would say.
        #expect(gate(both, #"{"b":3}"#) == .allow)
        #expect(gate(both, #"{"b":2}"#) == .ask)
    }

    /// A gate of a later version is not taken for leave.
    @Test func whatIsNotKnownAsks() {
        #expect(gate(.of("t", .UNRECOGNIZED(9)), "{}") == .ask)
        #expect(gate(.of("t", .allow, .when(.UNRECOGNIZED(9))), "{}") == .ask)
    }

    @Test(arguments: [
        (FermataCondition.at("a", .equals("1")), "pointer"), (.at("/a", .equals("x")), "equals"),
        (.at("/a", .greater(.nan)), "greater"), (.at("/a", .less(.infinity)), "less"),
        (.at("/a", .matches("(")), "matches"),
        (.at("/a", .matches("a++++++++++++++++++++++++++++")), "matches"), (.with { $0.pointer = "/a" }, "test"),
    ])
    func problemsNameTheirField(_ condition: FermataCondition, _ field: String) {
        let policy = FermataPolicy.with { $0.tools = [.of("t", .ask, .when(.deny, condition))] }
        #expect(policy.problems.map(\.field) == ["tools[0].rules[0].when[0].\(field)"])
    }
}
