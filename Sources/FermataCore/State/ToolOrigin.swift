public import FermataProtocol

extension FermataToolSpec {
    /// Who executes the tool's calls. Everything asks this, and nothing else reads `by_worker`.
    ///
    /// A spec that was written before there was an origin says only whether workers execute the tool, and then the core
    /// had one tool of its own. So does one whose origin only a later version knows: its calls find nobody here.
    ///
    /// frozen: what specs of every version mean.
    public var resolvedOrigin: FermataToolOrigin {
        switch origin {
        case .unspecified, .UNRECOGNIZED: byWorker ? .worker : name == "ask_human" ? .core : .builtIn
        case .core, .builtIn, .worker: origin
        }
    }
}
