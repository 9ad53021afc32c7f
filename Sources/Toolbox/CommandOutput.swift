import Synchronization

/// A command's output on its way from bytes to text: secrets masked, UTF-8 repaired, head and tail kept for the result,
/// and a live stream of bounded rate.
///
/// Threads: any; `append` and `finish` come from the thread of `ToolProcesses`, `soFar` from wherever it is asked for.
final class CommandOutput: Sendable {
    private struct State: Sendable {
        var mask: SecretMask
        var repair = UTF8Repair()
        var kept: HeadAndTail
        var live = LiveRate()
    }

    private let state: Mutex<State>

    init(secrets: [String], limit: Int) {
        state = Mutex(State(mask: SecretMask(secrets), kept: HeadAndTail(limit: limit)))
    }

    /// Takes bytes as the command wrote them; returns what is to be shown live, possibly nothing.
    func append(_ bytes: UnsafeRawBufferPointer, at now: MonotonicTime) -> String {
        state.withLock { state in
            let text = state.repair.repair(state.mask.mask(bytes))
            state.kept.append(text)
            return state.live.pass(text, at: now)
        }
    }

    /// The end of the output: what was held back and is to be shown live, and the whole.
    func finish() -> (live: String, output: ToolOutput) {
        state.withLock { state in
            let text = state.repair.repair(state.mask.finish()) + state.repair.finish()
            state.kept.append(text)
            return (state.live.finish(text), state.kept.output(repaired: state.repair.repaired))
        }
    }

    /// What `finish` would give as output now; changes nothing.
    var soFar: ToolOutput {
        var copy = state.withLock { $0 }
        let text = copy.repair.repair(copy.mask.finish()) + copy.repair.finish()
        copy.kept.append(text)
        return copy.kept.output(repaired: copy.repair.repaired)
    }
}

/// Lets through so much live text per time that a person can still follow and nobody downstream drowns; a line stands
/// for what was left out. A command like `yes` writes gigabytes per second.
private struct LiveRate: Sendable {
    private static let window: Int64 = 100_000_000
    private static let bytesPerWindow = 256 * 1024

    private var windowStart = MonotonicTime(nanoseconds: 0)
    private var passed = 0
    private var omitted: UInt64 = 0

    mutating func pass(_ text: [UInt8], at now: MonotonicTime) -> String {
        if now.nanoseconds - windowStart.nanoseconds >= LiveRate.window {
            windowStart = now
            passed = 0
        }
        guard passed < LiveRate.bytesPerWindow else {
            omitted += UInt64(text.count)
            return ""
        }
        passed += text.count
        return finish(text)
    }

    /// The text, after a line for what was left out before it.
    mutating func finish(_ text: [UInt8]) -> String {
        let text = String(decoding: text, as: UTF8.self)
        if omitted == 0 { return text }
        defer { omitted = 0 }
        return "\n" + HeadAndTail.mark(omitted: omitted) + text
    }
}
