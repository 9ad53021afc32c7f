package import FermataProtocol

extension Refusal {
    package static var badCursor: Refusal {
        Refusal(.invalidArgument, "after is not the `next` of a page", details: ["field": "after"])
    }

    package static func unreadable(_ run: RunID) -> Refusal {
        Refusal(.internalError, "run \(run) is damaged in the store; `fermata check` says more")
    }
}

/// A blob that an event names is not in the store.
package struct MissingBlob: Error, CustomStringConvertible {
    package let sha256: String

    package init(sha256: String) { self.sha256 = sha256 }

    package var description: String { "the store is damaged: it has no blob \(sha256)" }
}
