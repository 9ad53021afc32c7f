import FermataCore
import FermataProtocol
import SwiftProtobuf
import Testing

/// Where a tool comes from, as journals of all ages say it.
struct ToolSourceTests {
    @Test(arguments: [
        ("terminal", false, FermataToolOrigin.unspecified, FermataToolOrigin.builtIn),
        ("ask_human", false, .unspecified, .core), ("mail", true, .unspecified, .worker),
        ("terminal", true, .unspecified, .worker), ("mail", false, .worker, .worker),
        ("mail", true, .builtIn, .builtIn),
        ("ask_human", false, .UNRECOGNIZED(9), .core),
    ])
    func sources(_ name: String, _ byWorker: Bool, _ origin: FermataToolOrigin, _ source: FermataToolOrigin) {
        let spec = FermataToolSpec.with {
            $0.name = name
            $0.byWorker = byWorker
            $0.origin = origin
        }
        #expect(spec.source == source)
    }
}
