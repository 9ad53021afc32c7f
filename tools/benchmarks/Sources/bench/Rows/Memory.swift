internal import CBench
internal import FermataProtocol
internal import Foundation

/// What a run on hold adds to the service's memory and to its file.
func pausedMemory(_ setting: Setting) throws -> [Line] {
    let service = try Service("\(setting.directory)/paused")
    let count = setting.count(5000, quick: 500)
    // The first ones fill what has a bound: the runs touched last, the pages that SQLite keeps.
    for _ in 0..<setting.count(5000, quick: 1000) { _ = try service.launchPaused() }
    let before = try service.program.memory
    let sizeBefore = try size(ofStore: service)
    for _ in 0..<count { _ = try service.launchPaused() }
    let after = try service.program.memory
    // Of files' pages the service gives back what it does not need, whatever the runs do.
    let bytes = Double(after.anonymous - before.anonymous) / Double(count)
    let fileBytes = Double(try size(ofStore: service) - sizeBefore) / Double(count)
    try service.end()
    return [
        Line(
            row: "paused", what: "memory per paused run", unit: "bytes", p50: bytes, limit: "0", holds: bytes < 128,
            note: "\(count) runs launched and paused; \(Report.number(fileBytes)) bytes of file each, index and "
                + "request ids included; under 128 is the allocator's noise")
    ]
}

/// Bytes of the store once its log is in it.
private func size(ofStore service: Service) throws -> Int {
    let copy = service.directory + "/size.db"
    try check(bench_store_copy(service.store, copy))
    defer { try? FileManager.default.removeItem(atPath: copy) }
    return try FileManager.default.attributesOfItem(atPath: copy)[.size] as? Int ?? 0
}
