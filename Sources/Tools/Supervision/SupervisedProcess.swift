import Glibc
internal import Threads

/// A running command as the thread of `ToolProcesses` sees it. Used by that thread only.
struct SupervisedProcess {
    let process: ToolProcess
    let listener: ToolProcessListener
    private let command: ProcessCommand
    let supervisor: pid_t
    /// nil once closed: the supervisor's two processes have ended.
    private(set) var control: Int32?
    let output: OutputPipe
    /// Of a command that has a pipe for each.
    let errors: OutputPipe?
    let input: InputPipe?
    /// When time is up; nil when there is no limit or it has been reached.
    private(set) var deadline: MonotonicTime?
    /// When the supervisor is asked again to kill; nil while it has not been asked.
    private(set) var nextKill: MonotonicTime?

    /// The supervisor's second process, from when it is told.
    private(set) var keeper: pid_t?
    /// The supervisor said that no descendant is left.
    private(set) var isAccountedFor = false
    /// When it is looked again whether all that is left of the command has ended, and how often it was looked.
    private(set) var nextLook: MonotonicTime?
    private var looks = 0
    private var foundOrphans = false
    private var unknown: [pid_t] = []

    private var isGraceKnown = false
    private var ended: (status: Int32, killed: Bool)?
    private var failure: String?

    /// How long a supervisor may take before it is asked again. It answers in a millisecond unless it was stopped or
    /// what it kills is in the kernel's hands.
    private static let killInterval: Duration = .milliseconds(250)

    init(
        _ process: ToolProcess, _ listener: ToolProcessListener, _ command: ProcessCommand,
        _ started: StartedSupervisor,
        _ output: OutputPipe, _ input: InputPipe?, at now: MonotonicTime
    ) {
        self.process = process
        self.listener = listener
        self.command = command
        supervisor = started.pid
        control = started.control
        self.output = output
        self.input = input
        errors = started.errors.map { OutputPipe($0, onBytes: listener.onErrorBytes) }
        deadline = command.timeout.map { now + $0 }
    }

    /// When something has to be done without anything having happened.
    var due: MonotonicTime? {
        guard let deadline else { return nextKill }
        return nextKill.map { min($0, deadline) } ?? deadline
    }

    /// Whether it is one that lasts longer than a call.
    var isLongLived: Bool { command.streams == .pipes }

    /// It was said how long it may go on, now or before.
    mutating func watchGrace(at now: MonotonicTime) {
        guard !isGraceKnown, let grace = process.grace else { return }
        isGraceKnown = true
        deadline = min(deadline ?? now + grace, now + grace)
    }

    /// The supervisor is gone: what is in the pipes is the rest. They are closed also if somebody outside, to whom the
    /// command gave a descriptor, still holds one and writes.
    func closePipes(_ buffer: UnsafeMutableRawBufferPointer) {
        for pipe in [output, errors].compactMap(\.self) {
            pipe.drain(atMost: .max, into: buffer)
            pipe.close()
        }
        input?.close()
    }

    /// Time that its limit is not to count.
    mutating func postpone(by time: Duration) { deadline = deadline.map { $0 + time } }

    mutating func expire(at now: MonotonicTime) {
        if let deadline, deadline <= now {
            self.deadline = nil
            process.stop(.timedOut)
            nextKill = now + SupervisedProcess.killInterval
        }
        if let nextKill, nextKill <= now {
            process.stopAgain()
            self.nextKill = now + SupervisedProcess.killInterval
        }
    }

    /// Somebody asked for a stop: it is repeated until it is done.
    mutating func watchStop(at now: MonotonicTime) {
        deadline = nil
        if nextKill == nil { nextKill = now + SupervisedProcess.killInterval }
    }

    /// Reads one report. False when the supervisor is gone and the socket is closed.
    mutating func readControl() -> Bool {
        guard let control else { return false }
        return withUnsafeTemporaryAllocation(byteCount: SupervisorReport.byteCount, alignment: 4) { buffer in
            let count = recv(control, buffer.baseAddress, buffer.count, Int32(MSG_DONTWAIT))
            // ECONNRESET: the supervisor ended with a kill message of ours unread. What it said before still comes.
            if count < 0 && [EAGAIN, EINTR, ECONNRESET].contains(errno) { return true }
            guard count > 0 else {
                process.ended()
                close(control)
                self.control = nil
                return false
            }
            if let report = SupervisorReport(UnsafeRawBufferPointer(rebasing: buffer[..<count])) { take(report) }
            return true
        }
    }

    private mutating func take(_ report: SupervisorReport) {
        switch report {
        case .failed(let step, let code):
            let what =
                switch step {
                case .fork: "No process could be started for the command"
                case .directory: "The workspace \(command.directory) cannot be entered"
                case .execute: "\(command.arguments.first ?? "") cannot be executed"
                }
            failure = ToolProcessError(code: code, what: what).description
        case .ended(let status, let killed):
            ended = (status, killed)
            // What it left behind has its own short time; the limit was for the command.
            deadline = nil
        case .keeper(let number): keeper = number
        case .noneLeft: isAccountedFor = true
        case .broken: break
        }
    }

    mutating func lookAgain(at now: MonotonicTime) { nextLook = now + .milliseconds(1) }

    /// A look at what is left of the command without its supervisor.
    ///
    /// - Returns: whether that was the last: nothing of it is left, as far as can be known.
    mutating func take(_ look: Orphans.Look, at now: MonotonicTime) -> Bool {
        looks += 1
        if look.left > 0 { foundOrphans = true }
        unknown = look.unknown
        // In the moment of its end a process has no mark any more: what is unknown is looked at again.
        guard look.left > 0 || look.isBlind || !unknown.isEmpty && looks < 50 else { return true }
        nextLook = now + .milliseconds(looks < 64 ? 1 : looks < 256 ? 10 : 100)
        return false
    }

    /// How the command ended. Once the supervisor is gone.
    var end: ToolProcessEnd {
        if let failure { return .failed(failure) }
        guard unknown.isEmpty else {
            let numbers = unknown.prefix(8).map { "\($0)" }.joined(separator: ", ")
            return .lost(
                "The supervisor of this command was killed, and it is not known whether all that the command started has "
                    + "ended: process \(numbers) may be of it.")
        }
        guard let ended else {
            if let reason = process.stopping { return .stopped(reason, code: nil) }
            return .lost(
                "The supervisor of this command was killed; the command was ended with it"
                    + (foundOrphans ? ", and so was what it had left running." : "."))
        }
        let code = SupervisedProcess.exitCode(ofStatus: ended.status)
        // The supervisor is the arbiter: a command that ended before a kill reached it was not stopped.
        guard ended.killed else { return .exited(code: code) }
        if let reason = process.stopping { return .stopped(reason, code: code) }
        return .lost("The supervisor of this command was told to end; the command was ended with it.")
    }

    /// wait(2): the low seven bits are the signal, or 0 for an exit with the code in the second byte.
    static func exitCode(ofStatus status: Int32) -> Int32 {
        let signal = status & 0x7F
        return signal == 0 ? (status >> 8) & 0xFF : 128 + signal
    }
}
