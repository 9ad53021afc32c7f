internal import FermataProtocol
internal import Journal
internal import RunRows

/// Where a page of a list ends, as text that clients hand back and do not read: `time/run` and `time/run/number`.
extension RunCursor {
    var text: String { "\(createdAt)/\(RunID(run))" }

    init(text: String) throws(Refusal) {
        let parts = text.split(separator: "/")
        guard parts.count == 2, let time = Int64(parts[0]), let run = RunID(parts[1]) else { throw .badCursor }
        self.init(createdAt: time, run: run.journaled)
    }
}

extension AskCursor {
    var text: String { "\(openedAt)/\(RunID(run))/\(number)" }

    init(text: String) throws(Refusal) {
        let parts = text.split(separator: "/")
        guard parts.count == 3, let time = Int64(parts[0]), let run = RunID(parts[1]), let number = UInt32(parts[2])
        else { throw .badCursor }
        self.init(openedAt: time, run: run.journaled, number: number)
    }
}
