import FermataProtocol

extension FermataEvent {
    /// The name of its kind, as in fermata.proto.
    var kindName: String { kind.map { String("\($0)".prefix { $0 != "(" }) } ?? "" }
}
