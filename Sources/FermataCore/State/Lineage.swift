public import FermataProtocol
internal import SwiftProtobuf

extension Run {
    /// Where the run comes from, and whether it goes on here.
    public struct Lineage: Sendable, Equatable {
        enum Life: Sendable, Equatable {
            case live
            case stopped
            /// It is stopped here because it goes on elsewhere.
            case handedOff
        }

        /// µs since 1970.
        public private(set) var createdAt: Int64 = 0
        /// The run that it is a fork of; empty: none.
        public private(set) var source = ""
        /// The run that launched it, or that it was launched for.
        public private(set) var parent: RunID?
        /// How many ancestors it has.
        public private(set) var depth: UInt32 = 0
        /// The runs that were launched for it and are to stand still and stop with it.
        public private(set) var children: [RunID] = []
        /// What it had used when it came from elsewhere.
        private(set) var inherited = FermataUsage()
        private(set) var life = Life.live

        init() {}

        mutating func launch(_ launched: FermataLaunched, at time: Int64) {
            createdAt = time
            parent = RunID(launched.parent)
            depth = launched.depth
        }

        mutating func launchChild(_ child: FermataChildLaunched) {
            if let id = RunID(child.run) { children.append(id) }
        }

        mutating func stop() { if life == .live { life = .stopped } }

        mutating func handOff() { life = .handedOff }

        mutating func fork(of source: String, _ usage: FermataUsage, at time: Int64) {
            createdAt = time
            self.source = source
            inherited = usage
            // It is a copy: its parent and its children are the original's.
            parent = nil
            depth = 0
            children = []
        }

        /// Its family stays its own, here or where it comes home to.
        mutating func arrive(_ usage: FermataUsage) {
            if life == .handedOff { life = .live }
            inherited = usage
        }
    }
}

// MARK: - Snapshot

extension Run.Lineage {
    /// nil if the message has a value that this version does not know.
    init?(_ snapshot: SnapshotLineage) {
        createdAt = snapshot.createdAt
        source = snapshot.source
        inherited = snapshot.inherited
        parent = RunID(snapshot.parent)
        guard parent != nil || snapshot.parent.isEmpty else { return nil }
        depth = snapshot.depth
        children = snapshot.children.compactMap { RunID($0) }
        guard children.count == snapshot.children.count else { return nil }
        switch snapshot.life {
        case .live: life = .live
        case .stopped: life = .stopped
        case .handedOff: life = .handedOff
        case .UNRECOGNIZED: return nil
        }
    }

    var snapshot: SnapshotLineage {
        .with {
            $0.createdAt = createdAt
            $0.source = source
            $0.inherited = inherited
            $0.parent = parent?.description ?? ""
            $0.depth = depth
            $0.children = children.map(\.description)
            $0.life =
                switch life {
                case .live: .live
                case .stopped: .stopped
                case .handedOff: .handedOff
                }
        }
    }
}
