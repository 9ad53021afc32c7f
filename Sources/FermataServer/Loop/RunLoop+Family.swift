internal import FermataCore
internal import FermataProtocol

/// Runs that were launched for others: what concerns one of them may concern all that descend from it, and is decided when
/// all are in memory.
extension RunLoop {
    /// A decision with all that comes of it for other runs, which are in memory: see `missing`. One that is not cannot be
    /// read.
    func unit(of first: consuming Decision) throws(Refusal) -> DecidedUnit {
        try DecidedUnit(
            first, run: { residents[$0]?.run }, context: { context(of: residents[$0]) })
    }

    // MARK: - Who is concerned

    /// The first run that a command concerns and that is not in memory; nil: all are. To be asked again when it is.
    func missing(for request: RunRequest, to id: RunID) -> RunID? {
        guard let resident = residents[id] else { return id }
        return switch request {
        case .pause, .interrupt, .resume, .stop, .handOff: missing(inFamilyOf: resident)
        default: nil
        }
    }

    /// The same, of a time that has come: a hold that lifts itself is lifted from the children, too.
    func missing(whereTimePasses id: RunID) -> RunID? {
        guard let resident = residents[id] else { return id }
        return resident.run.hold?.resumeAt ?? 0 > 0 ? missing(inFamilyOf: resident) : nil
    }

    private func missing(inFamilyOf ancestor: Resident) -> RunID? {
        guard !ancestor.run.lineage.children.isEmpty else { return nil }
        var family = [ancestor.current.id] + ancestor.run.lineage.children
        var next = 1
        while next < family.count {
            let id = family[next]
            next += 1
            if let resident = residents[id] {
                family += resident.run.lineage.children
            } else if !unreadable.contains(id), !absent.contains(id) {
                // Those that are here are not to leave before the others have come.
                pinned.formUnion(family)
                for id in family { touch(id) }
                return id
            }
        }
        for id in family where pinned.remove(id) != nil { touch(id) }
        return nil
    }

    // MARK: - Who waits

    /// Whether the item is another run's, and waits because it concerns this one as well.
    func isBlocked(_ item: Item, by id: RunID) -> Bool {
        switch item {
        case .command(let command): command.run != id
        case .timePassed(let run): run != id
        default: false
        }
    }

    /// Goes on with an item that waited for another run to be read, and with the commands that came after it.
    func unblock(_ item: Item) {
        guard case .command(let command) = item else { return handle(item) }
        let later = blocked.removeValue(forKey: command.run) ?? []
        proceed(with: command)
        if blocked[command.run] != nil {
            blocked[command.run]! += later
        } else {
            for item in later { handle(item) }
        }
    }
}
