internal import Secrets
import Synchronization
internal import Threads

/// A command's output on its way from bytes to text: secrets masked, UTF-8 repaired, head and tail kept for the result,
/// and a live stream of bounded rate.
///
/// Once somebody has taken the output, nothing more is shown: everything that was ever shown is part of what was taken.
/// What comes later is kept still, for a result that is written after all. In what was taken the middle may be missing,
/// in what was shown parts may be; both say with a line how many bytes, and where both have a byte it is the same.
///
/// Threads: any. `append` and `finish` are called one after the other, `take` from wherever the output is wanted.
final class CommandOutput: Sendable {
    private struct State: Sendable {
        var mask: SecretMask
        var repair = UTF8Repair()
        var kept: HeadAndTail
        var live = LiveRate()
        var isTaken = false

        /// - Returns: what was held back and belongs to the output if nothing follows, and the whole.
        mutating func end() -> (rest: ReplacedText, output: ToolOutput) {
            var rest = repair.repair(mask.replacingRest())
            rest.append(repair.finish())
            kept.append(rest)
            return (rest, kept.output(repaired: repair.repaired))
        }
    }

    private let state: Mutex<State>

    init(secrets: SecretTable, limit: Int) {
        state = Mutex(State(mask: SecretMask(secrets), kept: HeadAndTail(limit: limit)))
    }

    /// Takes bytes as the command wrote them; returns what is to be shown live, possibly nothing.
    ///
    /// The caller shows it after this: it is kept by then, whoever takes the output meanwhile.
    func append(_ bytes: UnsafeRawBufferPointer, at now: MonotonicTime) -> String {
        state.withLock { state in
            let text = state.repair.repair(state.mask.replacing(bytes))
            state.kept.append(text)
            return state.isTaken ? "" : state.live.pass(text, at: now)
        }
    }

    /// The end of the output: what was held back and is to be shown live, and the whole.
    func finish() -> (live: String, output: ToolOutput) {
        state.withLock { state in
            let (rest, output) = state.end()
            return (state.isTaken ? "" : state.live.finish(rest), output)
        }
    }

    /// What `finish` would give as output now. Nothing is shown any more after this.
    func take() -> ToolOutput {
        var copy = state.withLock { state in
            state.isTaken = true
            return state
        }
        return copy.end().output
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

    mutating func pass(_ text: ReplacedText, at now: MonotonicTime) -> String {
        if now.nanoseconds - windowStart.nanoseconds >= LiveRate.window {
            windowStart = now
            passed = 0
        }
        guard passed < LiveRate.bytesPerWindow else {
            omitted += UInt64(text.originalCount)
            return ""
        }
        passed += text.bytes.count
        return finish(text)
    }

    /// The text, after a line for what was left out before it.
    mutating func finish(_ text: ReplacedText) -> String {
        let text = String(decoding: text.bytes, as: UTF8.self)
        if omitted == 0 { return text }
        defer { omitted = 0 }
        return "\n" + HeadAndTail.mark(omitted: omitted) + text
    }
}

extension SecretMask {
    fileprivate mutating func replacing(_ bytes: UnsafeRawBufferPointer) -> ReplacedText {
        var text = ReplacedText()
        text.bytes = mask(bytes) { text.replacements.append(Replacement(offset: $0, count: $1, originalCount: $2)) }
        return text
    }

    fileprivate mutating func replacingRest() -> ReplacedText {
        var text = ReplacedText()
        text.bytes = finish { text.replacements.append(Replacement(offset: $0, count: $1, originalCount: $2)) }
        return text
    }
}
