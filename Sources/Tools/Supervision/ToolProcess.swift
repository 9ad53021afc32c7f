import Glibc
import Synchronization

/// A command to execute, as a program and its arguments.
struct ProcessCommand: Sendable {
    /// The program, looked for in PATH, and its arguments.
    var arguments: [String]
    /// Absolute path; created if it is missing.
    var directory: String
    /// `NAME=value`.
    var environment: [String]
    /// From the start of the process; nil for no limit.
    var timeout: Duration?
    var streams = Streams.output

    enum Streams: Sendable {
        /// Standard input is /dev/null; output and error are one pipe, so that they come in the order written.
        case output
        /// A pipe each.
        case pipes
    }
}

/// How a command ended. No process of it is left.
enum ToolProcessEnd: Sendable, Equatable {
    /// By itself: its exit code, or 128 + the signal that ended it.
    case exited(code: Int32)
    /// Killed because somebody asked for it, or its time was up; the code is nil if it had not been started.
    case stopped(StopReason, code: Int32?)
    /// It could not be started: nothing of it was executed. Says why.
    case failed(String)
    /// Its supervisor was killed or told to end by somebody else, and so it was ended. Says so.
    case lost(String)

    enum StopReason: Sendable { case cancelled, timedOut }
}

/// Who hears of a command. Both are released after the end.
struct ToolProcessListener: Sendable {
    /// On the thread of `ToolProcesses` or of whoever asks for the output so far, one call after the other. The bytes are
    /// the callee's for the time of the call only.
    var onBytes: @Sendable (UnsafeRawBufferPointer) -> Void
    /// What comes from standard error, of a command that has a pipe of its own for it. As `onBytes`.
    var onErrorBytes: @Sendable (UnsafeRawBufferPointer) -> Void = { _ in }
    /// Once, and last, on the thread of `ToolProcesses`.
    var onEnd: @Sendable (ToolProcessEnd) -> Void
}

/// One command under its supervisor: the handle by which it is stopped.
///
/// Threads: any. What the thread of `ToolProcesses` alone needs to know of it is in `SupervisedProcess`.
final class ToolProcess: Sendable {
    private struct State {
        /// Our end of the socket to the supervisor, and its process; valid from `started` until `ended`.
        var control: Int32?
        var supervisor: pid_t = 0
        /// From `started` on.
        var output: OutputPipe?
        var stopping: ToolProcessEnd.StopReason?
        /// How long it may go on until it is stopped.
        var grace: Duration?
    }

    private let state = Mutex(State())

    /// Asks the supervisor to kill every process of the command. The first reason counts.
    ///
    /// Straight from the caller's thread, because a hop costs more than the two system calls; neither can block. The
    /// lock is held over them so that the numbers are still ours.
    func stop(_ reason: ToolProcessEnd.StopReason) {
        state.withLock { state in
            if state.stopping == nil { state.stopping = reason }
            ToolProcess.kill(&state)
        }
    }

    /// It is to end by itself, and is stopped after so long. The first time counts. What this is to do is done when the
    /// thread of `ToolProcesses` looks.
    func limit(to grace: Duration) {
        state.withLock { state in
            if state.grace == nil { state.grace = grace }
        }
    }

    /// How long it may go on, if that was said.
    var grace: Duration? { state.withLock { $0.grace } }

    /// Asks once more: a command can stop its supervisor again and again.
    func stopAgain() {
        state.withLock { state in
            if state.stopping != nil { ToolProcess.kill(&state) }
        }
    }

    /// Why it is being stopped, if it is.
    var stopping: ToolProcessEnd.StopReason? { state.withLock { $0.stopping } }

    /// The supervisor runs. A stop that was asked for before then is passed on.
    func started(control: Int32, supervisor: pid_t, output: OutputPipe) {
        state.withLock { state in
            state.output = output
            state.control = control
            state.supervisor = supervisor
            if state.stopping != nil { ToolProcess.kill(&state) }
        }
    }

    /// Before the socket is closed and the supervisor is reaped.
    func ended() {
        state.withLock { $0.control = nil }
    }

    /// Reads what the command has written so far and nobody has read, as far as a pipe holds it by default. Does not
    /// block: nothing that is written meanwhile is waited for. Any thread.
    func drainOutput() {
        guard let output = state.withLock({ $0.output }) else { return }
        withUnsafeTemporaryAllocation(byteCount: ToolProcess.pipeBytes, alignment: 16) {
            output.drain(atMost: ToolProcess.pipeBytes, into: $0)
        }
    }

    /// Of a pipe that nobody has enlarged: https://man7.org/linux/man-pages/man7/pipe.7.html
    private static let pipeBytes = 64 * 1024

    private static func kill(_ state: inout State) {
        guard let control = state.control else { return }
        var message = UInt8(ascii: "K")
        // A full socket has kill messages enough in it; a closed one has nobody left behind it.
        _ = send(control, &message, 1, Int32(MSG_DONTWAIT | MSG_NOSIGNAL))
        // The command may have stopped its supervisors. The first of them is woken, and wakes the second.
        _ = Glibc.kill(state.supervisor, SIGCONT)
    }
}
