public import FermataProtocol
internal import FoundationEssentials
internal import SwiftProtobuf

extension Run {
    /// A wish that the run stand still.
    public struct Hold: Sendable, Equatable {
        /// As it is shown.
        public fileprivate(set) var shown: FermataHold
        /// How far the clock that its times are of was ahead of the steady clock, µs.
        fileprivate var lead: Int64
        /// SHA-256 of the token that lifts it; empty if there is none.
        fileprivate(set) var tokenDigest: [UInt8]

        /// The run whose hold it is, an ancestor; empty: an operator's, or the run's own.
        public var owner: String { shown.owner }

        /// When it lifts itself, µs of the steady clock; nil: never.
        var end: Int64? { shown.resumeAt > 0 ? min(shown.resumeAt, Run.latestTime) &- lead : nil }
    }

    /// All that hold the run: an operator at most once, and each ancestor that is held. Nothing starts while there is one.
    public struct Holds: Sendable, Equatable, RandomAccessCollection {
        /// The operator's first.
        private var list: [Hold] = []

        init() {}

        public var startIndex: Int { 0 }
        public var endIndex: Int { list.count }
        public subscript(index: Int) -> Hold { list[index] }

        /// The hold of an owner; without one: the operator's.
        public subscript(of owner: String) -> Hold? { list.first { $0.owner == owner } }

        var operators: Hold? { list.first.flatMap { $0.owner.isEmpty ? $0 : nil } }

        /// When the operator's lifts itself, µs of the steady clock; nil: never. An ancestor's does with the ancestor's own.
        var end: Int64? { operators?.end }

        /// The owner's hold is this one now.
        mutating func apply(_ held: FermataHeld, _ event: FermataEvent) {
            let hold = Hold(
                shown: .with {
                    $0.cause = held.cause
                    $0.by = event.by
                    $0.reason = event.reason
                    $0.sinceAt = event.at
                    $0.resumeAt = held.resumeAt
                    $0.hasToken_p = !held.tokenSha256.isEmpty
                    $0.seq = event.seq
                    $0.owner = held.owner
                }, lead: event.clockLead, tokenDigest: Array(held.tokenSha256))
            lift(held.owner)
            if held.owner.isEmpty { list.insert(hold, at: 0) } else { list.append(hold) }
        }

        mutating func lift(_ owner: String) { list.removeAll { $0.owner == owner } }

        mutating func liftAll() { list = [] }

        /// The run is somewhere else than it was: tokens that lift its hold were given there, and its ancestors are there.
        mutating func arrive() {
            list.removeAll { !$0.owner.isEmpty }
            for index in list.indices {
                list[index].tokenDigest = []
                list[index].shown.hasToken_p = false
            }
        }

        /// Waits were measured by another server's steady clock: from now on they are by this one's.
        mutating func measureWaits(lead: Int64) {
            for index in list.indices { list[index].lead = lead }
        }
    }
}

// MARK: - Snapshot

extension Run.Holds {
    init(_ snapshot: [SnapshotHold]) {
        list = snapshot.map { Run.Hold(shown: $0.shown, lead: $0.lead, tokenDigest: Array($0.tokenDigest)) }
    }

    var snapshot: [SnapshotHold] {
        list.map { hold in
            .with {
                $0.shown = hold.shown
                $0.lead = hold.lead
                $0.tokenDigest = .init(hold.tokenDigest)
            }
        }
    }
}
