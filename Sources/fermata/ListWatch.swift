internal import FermataClient
internal import FermataProtocol
internal import SwiftProtobuf

/// `list --watch`: the list as it is now, again and again as statuses change.
struct ListWatch {
    let client: Client
    let list: FermataListRuns
    /// 0: as many as there are.
    let limit: Int
    let server: ServerOptions

    func run() async throws {
        var runs: [FermataRunSummary] = []
        var drawnLines = 0
        for try await news in try await client.statuses() {
            let before = runs
            var left: [FermataRunSummary] = []
            switch news {
            case .stale:
                runs = try await read(keeping: runs)
                left = await thoseThatLeft(before, runs)
            case .changed(let run):
                let wasFull = limit > 0 && runs.count == limit
                guard take(run, &runs) else { continue }
                if !fits(run) { left = [run] }
                // One has left, and one that was beyond the limit may take its place.
                if wasFull, runs.count < limit { runs = try await read(keeping: runs) }
            }
            if Screen.output.canRedraw, !server.json {
                drawnLines = draw(runs, over: drawnLines)
            } else {
                try printChanges(from: before, to: runs, left)
            }
        }
    }

    /// While the server is away the list stays as it was.
    private func read(keeping runs: [FermataRunSummary]) async throws -> [FermataRunSummary] {
        do {
            var read: [FermataRunSummary] = []
            _ = try await client.eachRun(list, limit: UInt32(limit)) { read.append($0) }
            return read
        } catch ClientError.refused(let error) where !error.retryable {
            throw ClientError.refused(error)
        } catch is ClientError {
            return runs
        }
    }

    /// - Returns: false if the run is none of the list's, and was not.
    private func take(_ run: FermataRunSummary, _ runs: inout [FermataRunSummary]) -> Bool {
        let place = runs.firstIndex { $0.id == run.id }
        // What was read may be newer than what was published before it.
        if let place, runs[place].lastSeq > run.lastSeq { return false }
        if let place { runs.remove(at: place) }
        guard fits(run) else { return place != nil }
        runs.insert(run, at: runs.firstIndex { comes(run, before: $0) } ?? runs.endIndex)
        if limit > 0, runs.count > limit { runs.removeLast() }
        return true
    }

    private func comes(_ run: FermataRunSummary, before other: FermataRunSummary) -> Bool {
        let isOlder = (run.createdAt, run.id) < (other.createdAt, other.id)
        return list.oldestFirst ? isOlder : !isOlder
    }

    private func fits(_ run: FermataRunSummary) -> Bool {
        (list.status.isEmpty || list.status.contains(run.status)) && (list.agent.isEmpty || run.agent == list.agent)
            && (list.parent.isEmpty || run.parent == list.parent)
            && (list.createdAfterAt == 0 || run.createdAt > list.createdAfterAt)
            && (list.createdBeforeAt == 0 || run.createdAt < list.createdBeforeAt)
    }

    /// Draws over what was drawn before; as many as the window has lines for.
    private func draw(_ runs: [FermataRunSummary], over drawnLines: Int) -> Int {
        let table = RunTable(terminal: .output)
        let room = max(1, Screen.output.size.lines - 3)
        var lines = [table.head ?? ""] + runs.prefix(room).map { table.line($0) }
        let count =
            runs.count > room ? "\(room) of \(runs.count) runs" : runs.count == 1 ? "1 run" : "\(runs.count) runs"
        lines.append(
            Screen.output.paint("\(count) at \(TimeArgument.text(TimeArgument.now)); Ctrl-C ends", .grey))
        let up = drawnLines > 0 ? "\u{1b}[\(drawnLines)A\r" : ""
        Screen.output.write(up + "\u{1b}[J" + lines.map { $0 + "\n" }.joined())
        return lines.count
    }

    /// Runs that are not in the list any more because of what they are now, as they are now.
    private func thoseThatLeft(
        _ before: [FermataRunSummary], _ runs: [FermataRunSummary]
    ) async -> [FermataRunSummary] {
        let listed = Set(runs.map(\.id))
        var left: [FermataRunSummary] = []
        for run in before where !listed.contains(run.id) {
            let now = try? await client.send(FermataGetRun.with { $0.run = run.id }).run
            if let now, !fits(now) { left.append(now) }
        }
        return left
    }

    /// That a run is in none of the statuses any more that were asked for is news too.
    private func printChanges(
        from before: [FermataRunSummary], to runs: [FermataRunSummary], _ left: [FermataRunSummary]
    ) throws {
        let old = Dictionary(uniqueKeysWithValues: before.map { ($0.id, $0) })
        let table = RunTable(terminal: .output)
        for run in left + runs where old[run.id]?.status != run.status || old[run.id]?.lastSeq != run.lastSeq {
            if server.json { try server.print(json: run) } else { Screen.output.write(table.line(run) + "\n") }
        }
    }
}
