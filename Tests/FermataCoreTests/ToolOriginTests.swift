import FermataCore
import FermataProtocol
import GoldenStores
import SwiftProtobuf
import Testing

/// Where a tool comes from, as journals of all ages say it.
struct ToolOriginTests {
    @Test(arguments: [
        ("terminal", false, FermataToolOrigin.unspecified, FermataToolOrigin.builtIn),
        ("ask_human", false, .unspecified, .core), ("mail", true, .unspecified, .worker),
        ("terminal", true, .unspecified, .worker), ("mail", false, .worker, .worker),
        ("mail", true, .builtIn, .builtIn),
        ("ask_human", false, .UNRECOGNIZED(9), .core), ("ask_human", true, .unspecified, .worker),
        ("mail", true, .UNRECOGNIZED(9), .worker), ("mail", false, .UNRECOGNIZED(9), .builtIn),
        ("wait", false, .core, .core), ("wait", false, .unspecified, .builtIn),
    ])
    func origins(_ name: String, _ byWorker: Bool, _ origin: FermataToolOrigin, _ resolved: FermataToolOrigin) {
        let spec = FermataToolSpec.with {
            $0.name = name
            $0.byWorker = byWorker
            $0.origin = origin
        }
        #expect(spec.resolvedOrigin == resolved)
    }

    /// Stores of all ages, with and without origins, mean the same by their tools.
    @Test func storesFromBeforeThereWereOriginsMeanTheSame() {
        var (old, new): (Set<String>, Set<String>) = ([], [])
        for event in GoldenStore.all.flatMap(\.events) {
            guard case .launched(let launched) = event.kind else { continue }
            for spec in launched.tools {
                let line = "\(spec.name) \(spec.resolvedOrigin)"
                if spec.origin == .unspecified { old.insert(line) } else { new.insert(line) }
            }
        }
        #expect(old.isSuperset(of: ["terminal builtIn", "file_editor builtIn", "ask_human core"]), "\(old)")
        #expect(old.contains { $0.hasSuffix(" worker") }, "\(old)")
        #expect(old == new)
    }
}
