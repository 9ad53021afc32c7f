/// What the tools that workers serve must be, wherever they are explained: RegisterTools, Launch, an agent. Whether a
/// schema is one and a name is free, only a server knows.
extension FermataToolSpec {
    /// Everything that is wrong; empty if nothing is.
    public var problems: [FieldProblem] {
        var problems: [FieldProblem] = []
        func check(_ field: String, _ isRight: Bool, _ rule: String) {
            if !isRight { problems.append(FieldProblem(field: field, rule: rule)) }
        }
        check("name", FermataAgent.isName(name), "must be 1 to 64 letters, digits, '-', '_' and '.'")
        check("description", description_p.utf8.count <= 16 << 10, "must have at most 16384 bytes")
        check("parameters", hasParametersOfRightLength, "must have 1 to 65536 bytes")
        return problems
    }

    public var hasParametersOfRightLength: Bool { (1...64 << 10).contains(parameters.utf8.count) }

    /// Tools that one message may bring.
    public static let maximumCount = 128
}

extension [FermataToolSpec] {
    /// Everything that is wrong with them, alone and together; empty if nothing is. The fields are named as parts of
    /// `field`, each tool by its index: `tools[3].name`.
    public func problems(field: String) -> [FieldProblem] {
        // More than so many are not looked at.
        guard count <= FermataToolSpec.maximumCount else {
            return [FieldProblem(field: field, rule: "must be at most \(FermataToolSpec.maximumCount)")]
        }
        var problems: [FieldProblem] = []
        var first: [String: Int] = [:]
        for (index, tool) in enumerated() {
            problems += tool.problems.map { $0.inside("\(field)[\(index)]") }
            if let other = first[tool.name] {
                problems.append(
                    FieldProblem(field: "\(field)[\(index)].name", rule: "is that of \(field)[\(other)] as well"))
            }
            first[tool.name] = first[tool.name] ?? index
        }
        return problems
    }
}
