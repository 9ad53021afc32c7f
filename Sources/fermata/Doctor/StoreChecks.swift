internal import Foundation
internal import Journal
internal import JournalSQLite

/// The store, read beside whoever uses it.
enum StoreChecks {
    /// - Parameter isServed: a server answers at the directory's control socket.
    static func findings(_ directory: String, isServed: Bool) -> [Finding] {
        let path = directory + "/fermata.db"
        guard access(path, F_OK) == 0 else {
            return [.ok("store", "\(path) is not there yet; the first start makes it")]
        }
        let glance: StoreGlance
        do { glance = try StoreGlance(path: path) } catch {
            return [.problem("store", "\(error)", do: "do not remove it; restore a backup beside it and compare")]
        }
        let size = Stats.bytes
        let text =
            "\(path), schema \(glance.schema), \(size(glance.bytes)) and \(size(glance.walBytes)) of WAL, "
            + "last event \(glance.lastOffset)"
        var findings: [Finding] = []
        if glance.schema > glance.supportedSchema {
            findings.append(
                .problem(
                    "store", "\(text): made by a newer Fermata", do: "use the version that made it, or a newer one"))
        } else if glance.schema < glance.supportedSchema {
            findings.append(.ok("store", "\(text); the next start upgrades it to schema \(glance.supportedSchema)"))
        } else if glance.walBytes > 256 << 20 {
            findings.append(
                .warning("store", "\(text): the WAL is long", do: "see why the server's log says it is not moved"))
        } else {
            findings.append(.ok("store", text))
        }
        findings.append(holder(path, isServed: isServed))
        findings.append(disk(glance))
        if let last = glance.lastEventAt, last > TimeArgument.now + 5_000_000 {
            findings.append(
                .problem(
                    "clock", "the last event is of \(TimeArgument.text(last)), which is yet to come",
                    do: "set the clock: events are stamped by it"))
        } else {
            findings.append(.ok("clock", "\(TimeArgument.text(TimeArgument.now)), after the last event"))
        }
        return findings
    }

    private static func holder(_ path: String, isServed: Bool) -> Finding {
        guard let process = StoreGlance.holder(ofStoreAt: path) else {
            return isServed
                ? .warning("lock", "no process of this machine has the lock", do: "is the server in another container?")
                : .ok("lock", "free")
        }
        let name = (try? String(contentsOfFile: "/proc/\(process)/comm", encoding: .utf8))?
            .trimmingCharacters(in: .newlines)
        let text = "process \(process)\(name.map { " (\($0))" } ?? "") has it"
        return isServed
            ? .ok("lock", text)
            : .warning(
                "lock", "\(text), and no server answers at the control socket",
                do: "it starts or ends just now, listens elsewhere (--control), or hangs: look at it with ps \(process)"
            )
    }

    private static func disk(_ glance: StoreGlance) -> Finding {
        let text = "\(Stats.bytes(glance.freeBytes)) free"
        if glance.freeBytes < 64 << 20 {
            return .problem("disk", "\(text): commands will be refused, STORE_FULL", do: "make room")
        }
        if glance.freeBytes < 1 << 30 { return .warning("disk", text, do: "make room before it is full") }
        return .ok("disk", text)
    }
}
