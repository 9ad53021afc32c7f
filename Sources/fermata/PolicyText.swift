internal import FermataProtocol

extension FermataPolicy {
    /// One line for each tool: `refund: deny if /amount > 500, else ask`.
    var texts: [String] { tools.map { "\($0.tool): \($0.text)" } }
}

extension FermataToolPolicy {
    fileprivate var text: String {
        var parts = rules.map { rule in
            rule.gate.word + (rule.when.isEmpty ? " always" : " if " + rule.when.map(\.text).joined(separator: " and "))
        }
        parts.append((parts.isEmpty ? "" : "else ") + gate.word)
        return parts.joined(separator: ", ")
    }
}

extension FermataGate {
    fileprivate var word: String { self == .unspecified ? "allow" : protocolName.lowercased() }
}

extension FermataCondition {
    var text: String {
        let place = pointer.isEmpty ? "all of it" : pointer
        return switch test {
        case .equals(let json): "\(place) = \(json)"
        case .greater(let number): "\(place) > \(number)"
        case .less(let number): "\(place) < \(number)"
        case .matches(let expression): "\(place) matches \(expression)"
        case nil: place
        }
    }
}
