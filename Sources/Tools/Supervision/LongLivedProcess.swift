import Glibc
public import Secrets
import Synchronization

/// A process that lives longer than a call, with a pipe for each of its standard streams: a server that speaks in lines, a
/// shell that goes on from call to call.
///
/// It runs under the same supervisor as a command does: in a session of its own, and killed with all its descendants when
/// `kill` is called, when the last reference to this is gone, when its `ToolProcesses` is closed, and when the service
/// dies, however it dies. It is over when its first process has ended; what that left behind is killed a tenth of a
/// second later. Set-user-id programs run without their privilege.
///
/// It is started once. Nothing starts it again: whether and when another one takes its place is its owner's to say.
///
/// Threads: all methods may be called on any thread, also within what is told, and none blocks. All that is told is told on
/// the thread of `ToolProcesses`, one call after the other, which others wait for: it must not block.
///
/// Ownership: whoever holds it holds the process. What is told is held until the end was told; if it holds this, the
/// process lives until it ends by itself or is killed.
///
/// Descriptors: `LongLivedProcess.descriptors` of this process from its start to its end, and as many again for the moment
/// in which it starts. The places of a call's are not these: `ToolProcesses.limitLongLivedProcesses` is the limit, and
/// one that is beyond it is not started, which its end says at once. If the system has no descriptor left it is tried again for ten seconds.
public final class LongLivedProcess: Sendable {
    /// Open for each: the socket to the supervisor, and three pipes.
    public static let descriptors = 4

    /// What is to be started.
    public struct Program: Sendable {
        /// The program, looked for in the PATH of `environment`, and its arguments. None of them contains NUL.
        public var arguments: [String]
        /// Absolute path; it is created, mode 0700, if it is missing.
        public var directory: String
        /// All of it: nothing is inherited. `FERMATA_COMMAND` is added, by which the processes are known when their
        /// supervisors were killed.
        public var environment: [String: String]

        public init(arguments: [String], directory: String, environment: [String: String]) {
            self.arguments = arguments
            self.directory = directory
            self.environment = environment
        }
    }

    /// How its standard output is told.
    public enum Reading: Sendable {
        /// As it is read: at most 64 KiB at once, cut anywhere.
        case bytes
        /// A line at once, without its line feed; a carriage return before that stays. A process that writes a line of more
        /// than so many bytes is killed.
        case lines(limit: Int)
    }

    /// How much is kept of what nobody has taken yet, in bytes.
    public struct Limits: Sendable {
        /// Of what waits to be written.
        public var input: Int
        /// Of the end of its standard error.
        public var errors: Int

        public init(input: Int = 16 << 20, errors: Int = 16 << 10) {
            self.input = input
            self.errors = errors
        }
    }

    /// What became of bytes that were to be written.
    public enum Writing: Sendable, Equatable {
        /// They are written in their turn, unless the process ends or closes its standard input before.
        case queued
        /// More than `Limits.input` would wait: nothing of it is queued. The process does not read, or not fast enough.
        case full
        /// The process has ended or reads no more, or `closeInput` was called: nothing of it is queued.
        case closed
    }

    /// How it ended. No process of it is left.
    public struct End: Sendable, Equatable {
        public enum Cause: Sendable, Equatable {
            /// By itself: its exit code, or 128 + the signal that ended it.
            case exited(code: Int32)
            /// Killed by its owner, at the end of the time of `end(within:)`, or with its `ToolProcesses`.
            case killed
            /// Killed for a line of its standard output that is longer than this.
            case lineTooLong(limit: Int)
            /// It could not be started, and nothing of it was executed: a sentence that says why.
            case notStarted(String)
            /// Its supervisor was killed or told to end by somebody else, and it was ended with that: a sentence that says
            /// so.
            case lost(String)
        }

        public var cause: Cause
        /// The bytes of a line that had no line feed, where lines are read.
        public var unfinishedLine: [UInt8]
        /// The end of its standard error, as `LongLivedProcess.errorTail`.
        public var errorTail: String
    }

    private let process = ToolProcess()
    private let processes: ToolProcesses
    private let program: Program
    private let output: LineCutter
    private let errors: ErrorTail
    private let input: InputPipe
    private let isStarted = Atomic<Bool>(false)

    /// Nothing is started by this. What is written before the start is written then.
    ///
    /// - Parameter secrets: what is `****` in the end of standard error. Standard output is told as it is.
    public init(
        _ program: Program, in processes: ToolProcesses, reading: Reading, limits: Limits = Limits(),
        secrets: SecretTable = .none
    ) {
        self.program = program
        self.processes = processes
        output = LineCutter(reading)
        errors = ErrorTail(limit: limits.errors, secrets)
        input = InputPipe(limit: limits.input)
    }

    deinit {
        if isStarted.load(ordering: .acquiring) { processes.cancel(process) }
    }

    /// Starts it. To be called once.
    ///
    /// - Parameters:
    ///   - onOutput: told bytes of standard output, or a line, in the order in which they were written. They are the
    ///     callee's for the time of the call only. Nothing is told of an end of standard output before the process's own.
    ///   - onEnd: told once, and last, when the process has ended and nothing of it is left, however it came to that.
    public func start(
        onOutput: @escaping @Sendable (UnsafeRawBufferPointer) -> Void, onEnd: @escaping @Sendable (End) -> Void
    ) {
        let wasStarted = isStarted.exchange(true, ordering: .acquiringAndReleasing)
        precondition(!wasStarted, "a process is started once")
        let command = ProcessCommand(
            arguments: program.arguments, directory: program.directory,
            environment: program.environment.filter { $0.key != Orphans.variable }.map { "\($0.key)=\($0.value)" }
                .sorted(),
            timeout: nil, streams: .pipes)
        let listener = ToolProcessListener(
            // Weak: what is told is held until the end, and must not keep alive what ends it all.
            onBytes: { [output, process, weak processes] bytes in
                if !output.take(bytes, onOutput) { processes?.cancel(process) }
            },
            onErrorBytes: { [errors] in errors.append($0) },
            onEnd: { [output, errors, input] end in
                input.close()
                onEnd(
                    End(
                        cause: output.excess.map { .lineTooLong(limit: $0) } ?? .init(end),
                        unfinishedLine: output.rest, errorTail: errors.text))
            })
        guard !program.arguments.isEmpty else {
            return processes.refuse(process, "There is no program to be started.", listener)
        }
        processes.start(process, command, listener, input: input)
    }

    /// Queues bytes for its standard input: all of them or none. What is queued is written in order, by the thread of
    /// `ToolProcesses`, as fast as the process reads.
    @discardableResult
    public func write(_ bytes: [UInt8]) -> Writing {
        switch input.append(bytes) {
        case .queued:
            processes.noteInput()
            return .queued
        case .full: return .full
        case .closed: return .closed
        }
    }

    /// Its standard input ends after what is queued: what most servers take for a wish that they end. Idempotent.
    public func closeInput() {
        input.end()
        processes.noteInput()
    }

    /// Closes its standard input, and kills it after so long if it has not ended by then. The first time counts; a stop of
    /// the service does not count as time.
    public func end(within grace: Duration) {
        closeInput()
        processes.end(process, within: grace)
    }

    /// Kills it and all its descendants, now and again until they are gone. Idempotent. Its end is told as always.
    public func kill() { processes.cancel(process) }

    /// The end of what it has written to standard error, for messages: valid UTF-8, without secrets, at most
    /// `Limits.errors` bytes, from the beginning of a line where something is missing before.
    public var errorTail: String { errors.text }
}

extension LongLivedProcess.End: CustomStringConvertible {
    /// For people and models, as a sentence: how it ended, and what it said last.
    public var description: String {
        let how =
            switch cause {
            case .exited(let code) where code > 128: "The process was ended by signal \(code - 128)."
            case .exited(let code): "The process ended with exit code \(code)."
            case .killed: "The process was killed."
            case .lineTooLong(let limit): "The process wrote a line of more than \(limit) bytes and was killed."
            case .notStarted(let reason), .lost(let reason): reason
            }
        return errorTail.isEmpty ? how : how + " It had written to standard error:\n" + errorTail
    }
}

extension LongLivedProcess.End.Cause {
    fileprivate init(_ end: ToolProcessEnd) {
        switch end {
        case .exited(let code): self = .exited(code: code)
        case .stopped: self = .killed
        case .failed(let reason): self = .notStarted(reason)
        case .lost(let reason): self = .lost(reason)
        }
    }
}

/// Cuts standard output into lines, or leaves it as it is. Used on the thread of `ToolProcesses`.
private final class LineCutter: Sendable {
    private struct State {
        /// The beginning of a line.
        var pending: [UInt8] = []
        /// The limit that a line was longer than.
        var excess: Int?

        mutating func exceed(_ limit: Int) -> Bool {
            excess = limit
            pending = []
            return false
        }
    }

    private let reading: LongLivedProcess.Reading
    private let state = Mutex(State())

    init(_ reading: LongLivedProcess.Reading) { self.reading = reading }

    var excess: Int? { state.withLock { $0.excess } }
    var rest: [UInt8] { state.withLock { $0.pending } }

    /// - Returns: false when a line is too long; nothing is passed on from there.
    func take(_ bytes: UnsafeRawBufferPointer, _ pass: (UnsafeRawBufferPointer) -> Void) -> Bool {
        guard case .lines(let limit) = reading else {
            pass(bytes)
            return true
        }
        return state.withLock { state in
            guard state.excess == nil else { return true }
            var rest = bytes
            while let start = rest.baseAddress, let end = memchr(start, Int32(UInt8(ascii: "\n")), rest.count) {
                let length = start.distance(to: UnsafeRawPointer(end))
                let part = UnsafeRawBufferPointer(rebasing: rest[..<length])
                guard state.pending.count + part.count <= limit else { return state.exceed(limit) }
                if state.pending.isEmpty {
                    pass(part)
                } else {
                    state.pending += part
                    state.pending.withUnsafeBytes(pass)
                    state.pending.removeAll(keepingCapacity: state.pending.count < 64 << 10)
                }
                rest = UnsafeRawBufferPointer(rebasing: rest[(length + 1)...])
            }
            guard state.pending.count + rest.count <= limit else { return state.exceed(limit) }
            state.pending += rest
            return true
        }
    }
}

/// The end of what a process writes to standard error. Threads: any.
private final class ErrorTail: Sendable {
    private struct State {
        var mask: SecretMask
        /// Up to twice the limit, so that the front is cut off once in a while only.
        var bytes: [UInt8] = []
        var isCut = false

        mutating func append(_ more: [UInt8], limit: Int) {
            bytes += more
            if bytes.count > 2 * limit { cut(to: limit) }
        }

        mutating func cut(to limit: Int) {
            guard bytes.count > limit else { return }
            bytes.removeFirst(bytes.count - limit)
            isCut = true
        }
    }

    private let state: Mutex<State>
    private let limit: Int

    init(limit: Int, _ secrets: SecretTable) {
        self.limit = max(0, limit)
        state = Mutex(State(mask: SecretMask(secrets)))
    }

    func append(_ bytes: UnsafeRawBufferPointer) {
        state.withLock { state in
            // Masked before it is cut: of a secret that is cut the rest would be shown.
            let masked: [UInt8] = state.mask.mask(bytes)
            state.append(masked, limit: limit)
        }
    }

    var text: String {
        var state = state.withLock { $0 }
        let rest: [UInt8] = state.mask.finish()
        state.append(rest, limit: limit)
        state.cut(to: limit)
        guard state.isCut else { return repaired(state.bytes[...]) }
        guard let end = state.bytes.firstIndex(of: UInt8(ascii: "\n")), end + 1 < state.bytes.count else {
            return repaired(state.bytes.drop { $0 & 0xC0 == 0x80 })
        }
        return repaired(state.bytes[(end + 1)...])
    }

    /// What is no UTF-8 becomes longer: the beginning makes room for it.
    private func repaired(_ bytes: ArraySlice<UInt8>) -> String {
        let text = String(decoding: bytes, as: UTF8.self)
        let excess = text.utf8.count - limit
        return excess <= 0
            ? text : String(decoding: text.utf8.dropFirst(excess).drop { $0 & 0xC0 == 0x80 }, as: UTF8.self)
    }
}
