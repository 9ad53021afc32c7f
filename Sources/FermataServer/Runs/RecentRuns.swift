internal import FermataProtocol
internal import RunRows

/// The runs in memory that nothing goes on of, in the order in which they were touched: the first leaves first.
///
/// Each is in it once, however often it is touched. Every change costs the same, however many there are. The loop's alone.
struct RecentRuns {
    private struct Entry {
        var older: RunID?
        var newer: RunID?
        /// µs of the monotonic clock.
        var touchedAt: Int64
        var bytes: Int
    }

    private var entries: [RunID: Entry] = [:]
    private var newest: RunID?
    private(set) var oldest: RunID?
    /// What they take in memory, about.
    private(set) var bytes = 0

    var count: Int { entries.count }

    /// When the first of them was touched, µs of the monotonic clock; nil: there is none.
    var oldestTouch: Int64? { oldest.flatMap { entries[$0]?.touchedAt } }

    /// Makes a run the newest.
    mutating func touch(_ id: RunID, bytes size: Int, at now: Int64) {
        remove(id)
        entries[id] = Entry(older: newest, newer: nil, touchedAt: now, bytes: size)
        bytes += size
        if let newest { entries[newest]?.newer = id } else { oldest = id }
        newest = id
    }

    mutating func remove(_ id: RunID) {
        guard let entry = entries.removeValue(forKey: id) else { return }
        bytes -= entry.bytes
        if let older = entry.older { entries[older]?.newer = entry.newer } else { oldest = entry.newer }
        if let newer = entry.newer { entries[newer]?.older = entry.older } else { newest = entry.older }
    }
}

/// Runs leave memory.
extension RunLoop {
    /// A run was changed, or brought into memory. While something of it goes on, it stays.
    func touch(_ id: RunID) {
        guard let resident = residents[id] else { return recent.remove(id) }
        if resident.inFlight.isEmpty, !resident.current.isActive, !pinned.contains(id) {
            recent.touch(id, bytes: resident.byteCount, at: Clock.monotonic)
        } else {
            recent.remove(id)
        }
    }

    /// A run that nothing goes on of is rows and nothing else, but for those that were touched a moment ago: whoever sends
    /// one command after the other need not wait for the journal each time. Nobody else pays for it.
    ///
    /// Not in the middle of a turn: what is decided and not committed is in memory only.
    func evict() {
        let limit = Clock.monotonic - Configuration.recentRunTime
        while let id = recent.oldest, let touched = recent.oldestTouch,
            touched <= limit || recent.bytes > Configuration.recentRunBytes
        {
            recent.remove(id)
            guard let resident = residents[id] else { continue }
            staleSnapshots.leaves(resident.durable.run)
            residents[id] = nil
            // What comes before the journal is asked again is remembered.
            due[id] = resident.current.due.flatMap { $0 <= turn.steady + Self.dueAhead ? $0 : nil }
            published.remove(id)
            effects.forget(id)
        }
    }
}
