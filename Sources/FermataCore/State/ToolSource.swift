public import FermataProtocol

extension FermataToolSpec {
    /// Where the tool comes from, also of one from before that was said.
    public var source: FermataToolOrigin {
        switch origin {
        case .unspecified, .UNRECOGNIZED: byWorker ? .worker : name == Run.askHuman ? .core : .builtIn
        case .core, .builtIn, .worker: origin
        }
    }
}
