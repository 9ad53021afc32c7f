extension Refusal {
    public init(_ problem: FieldProblem) {
        self.init(.invalidArgument, problem.description, details: ["field": problem.field])
    }

    /// A limit on what a run costs could never be reached.
    public static func noPrice(of model: String, field: String) -> Refusal {
        Refusal(
            .invalidArgument,
            "there is a limit on the cost, and no price of \(model.prefix(200)): give it one in the file that the server's "
                + "--prices names (0 if it costs nothing), or leave the limit out",
            details: ["field": field, "model": String(model.prefix(200))])
    }
}
