import Glibc
import Synchronization
import Threads

/// The thread of `ToolProcesses`: starts commands, reads what they write and what their supervisors report, watches the
/// clock, tells ends. It blocks in poll(2) and, for as long as a start takes, in posix_spawn.
///
/// poll and not epoll, which Swift's Glibc does not show: two descriptors for each running command are some hundreds.
///
/// Commands are started here and not where they are asked for: a start takes half a millisecond, which the asking
/// thread has better use for, and the kernel sends a parent-death signal when the *thread* that started a process ends.
final class ToolProcessLoop: Sendable {
    /// What to do for a new process: execute a command, or say why there is none.
    struct Order: Sendable {
        enum What: Sendable {
            case execute(ProcessCommand)
            case refuse(String)
        }

        var process: ToolProcess
        var listener: ToolProcessListener
        var what: What
        /// Of a process that has a pipe for its standard input.
        var input: InputPipe?
        /// How often it was tried.
        var tries = 0
    }

    private struct Inbox {
        var starting: [Order] = []
        var stopping = false
        /// Something was queued for a process's standard input, or its end was.
        var writing = false
        var isClosed = false
    }

    private let supervisor: String
    private let options: [String]
    private let inbox = Mutex(Inbox())
    /// How many processes may be there at once that last longer than a call.
    let longLivedLimit = Atomic<Int>(.max)
    /// A byte written to one end wakes the thread, which polls the other. Closed by `deinit`: the thread holds this.
    private let wake: (send: Int32, receive: Int32)

    /// Nil: what is left of commands whose supervisors were killed is the first process's.
    private let orphans: Orphans?

    init(supervisor: String, options: [String], adoptsOrphans: Bool) throws(ToolProcessError) {
        self.supervisor = supervisor
        self.options = options
        orphans = adoptsOrphans ? Orphans() : nil
        let (send, receive) = try SupervisorSpawn.socketPair(SOCK_STREAM)
        wake = (send, receive)
    }

    deinit {
        Glibc.close(wake.send)
        Glibc.close(wake.receive)
    }

    func startThread() throws(ToolProcessError) {
        do { try OwnThread.start("tool-processes") { self.run() } } catch {
            throw ToolProcessError(code: error.code, what: "The thread that runs commands cannot be started")
        }
    }

    func start(_ order: Order) {
        inbox.withLock { $0.starting.append(order) }
        wakeUp()
    }

    /// Some process was asked to stop by another thread, at once or after a while.
    func noteStop() {
        inbox.withLock { $0.stopping = true }
        wakeUp()
    }

    /// Something waits to be written to some process. Wakes the thread if it does not know of any.
    func noteInput() {
        let isNews = inbox.withLock { inbox in
            defer { inbox.writing = true }
            return !inbox.writing
        }
        if isNews { wakeUp() }
    }

    func close() {
        inbox.withLock { $0.isClosed = true }
        wakeUp()
    }

    private func wakeUp() {
        var byte: UInt8 = 0
        // Full: it is awake, or about to be.
        _ = send(wake.send, &byte, 1, Int32(MSG_DONTWAIT | MSG_NOSIGNAL))
    }

    // MARK: - The thread

    private enum Source {
        case wake
        case control(UInt64)
        case output(UInt64)
        case errors(UInt64)
        case input(UInt64)
    }

    private struct Running {
        var processes: [UInt64: SupervisedProcess] = [:]
        var lastNumber: UInt64 = 0
        /// Supervisors that have closed their socket on their way out and were not yet to be reaped.
        var leaving: [UInt64] = []
        /// Starts that found no descriptor, and when they are tried again.
        var waiting: [(order: Order, at: MonotonicTime)] = []
        var isClosed = false
        var nextReap = MonotonicTime.now

        /// Every process of every supervisor that is not known to have ended, but for one command's.
        func supervisors(except number: UInt64? = nil) -> Set<pid_t> {
            Set(
                processes.filter { $0.key != number }.values.flatMap {
                    [$0.supervisor] + ($0.keeper.map { [$0] } ?? [])
                })
        }
    }

    private func run() {
        var running = Running()
        var descriptors: [pollfd] = []
        var sources: [Source] = []
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 * 1024, alignment: 16)
        defer { buffer.deallocate() }
        // Writing to a process that reads no more is an error like any other, and not a signal that ends this one. The
        // signal would come to the thread that writes, which is this one only.
        var brokenPipe = sigset_t()
        sigemptyset(&brokenPipe)
        sigaddset(&brokenPipe, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &brokenPipe, nil)
        var standstill = Standstill(tolerance: 100_000_000, now: MonotonicTime.now.nanoseconds)
        while true {
            takeInbox(&running)
            if running.isClosed && running.processes.isEmpty && running.waiting.isEmpty { return }
            collect(running, &descriptors, &sources)
            let asleep = MonotonicTime.now
            let patience = patience(running, at: asleep)
            standstill.sleeps(
                until: patience < 0 ? .max : (asleep + .milliseconds(Int64(patience))).nanoseconds,
                now: asleep.nanoseconds)
            let ready = poll(&descriptors, nfds_t(descriptors.count), patience)
            standstill.woke(now: MonotonicTime.now.nanoseconds)
            if ready > 0 {
                for (descriptor, source) in zip(descriptors, sources) where descriptor.revents != 0 {
                    handle(source, &running, buffer)
                }
            }
            let now = MonotonicTime.now
            // A command's time limit does not count while nobody was there to hear of its end; it may have stood still too.
            let lost = standstill.look(now: now.nanoseconds)
            if lost > 0 {
                for number in running.processes.keys { running.processes[number]?.postpone(by: .nanoseconds(lost)) }
            }
            for (number, process) in running.processes where process.due.map({ $0 <= now }) ?? false {
                running.processes[number]?.expire(at: now)
            }
            let leaving = running.leaving
            running.leaving = []
            for number in leaving { finish(number, &running) }
            reapOthers(&running, now)
        }
    }

    private func collect(_ running: Running, _ descriptors: inout [pollfd], _ sources: inout [Source]) {
        descriptors.removeAll(keepingCapacity: true)
        sources.removeAll(keepingCapacity: true)
        func add(_ descriptor: Int32, _ source: Source, _ events: Int32 = POLLIN) {
            descriptors.append(pollfd(fd: descriptor, events: Int16(events), revents: 0))
            sources.append(source)
        }
        add(wake.receive, .wake)
        for (number, process) in running.processes {
            if let control = process.control { add(control, .control(number)) }
            if let output = process.output.number { add(output, .output(number)) }
            if let errors = process.errors?.number { add(errors, .errors(number)) }
            if let input = process.input?.pollable { add(input, .input(number), POLLOUT) }
        }
    }

    private func patience(_ running: Running, at now: MonotonicTime) -> Int32 {
        // The socket is closed a few microseconds before the kernel lets the supervisor be reaped.
        var times = running.leaving.map { running.processes[$0]?.nextLook ?? now + .milliseconds(1) }
        times += running.processes.values.lazy.compactMap(\.due)
        times += running.waiting.map(\.at)
        if running.processes.values.contains(where: { $0.deadline != nil }) {
            times.append(now + ToolProcessLoop.longestSleep)
        }
        if orphans?.isFirst == true { times.append(running.nextReap) }
        return times.min()?.milliseconds(after: now) ?? -1
    }

    /// Of a stop within a sleep only what is beyond the sleep's planned end is known to be one: a sleep up to a command's
    /// time limit would hide it, and the limit would come with the wake.
    private static let longestSleep: Duration = .milliseconds(250)
    /// A start that found no descriptor is tried again, so often and after such pauses.
    private static let starts = 40
    private static let pauseWithoutDescriptors: Duration = .milliseconds(250)

    private func takeInbox(_ running: inout Running) {
        let taken = inbox.withLock { inbox in
            defer {
                inbox.starting = []
                inbox.stopping = false
                inbox.writing = false
            }
            return inbox
        }
        if taken.isClosed && !running.isClosed {
            running.isClosed = true
            for process in running.processes.values { process.process.stop(.cancelled) }
        }
        if taken.stopping || taken.isClosed {
            let now = MonotonicTime.now
            for (number, process) in running.processes {
                if process.process.stopping != nil {
                    running.processes[number]?.watchStop(at: now)
                } else {
                    running.processes[number]?.watchGrace(at: now)
                }
            }
        }
        for order in taken.starting { begin(order, &running) }
        guard !running.waiting.isEmpty else { return }
        let now = MonotonicTime.now
        let waiting = running.waiting
        running.waiting = []
        for (order, at) in waiting {
            // One that was stopped meanwhile is told so at once.
            if at <= now || running.isClosed || order.process.stopping != nil {
                begin(order, &running)
            } else {
                running.waiting.append((order, at))
            }
        }
    }

    private func begin(_ order: Order, _ running: inout Running) {
        let process = order.process
        if running.isClosed { process.stop(.cancelled) }
        if let reason = process.stopping { return order.listener.onEnd(.stopped(reason, code: nil)) }
        var command: ProcessCommand
        switch order.what {
        case .execute(let asked): command = asked
        case .refuse(let reason): return order.listener.onEnd(.failed(reason))
        }
        if command.streams == .pipes {
            let limit = longLivedLimit.load(ordering: .relaxed)
            guard running.processes.values.count(where: \.isLongLived) < limit else {
                return order.listener.onEnd(
                    .failed("There are \(limit) lasting processes already, and there is no room for another one."))
            }
        }
        running.lastNumber += 1
        let number = running.lastNumber
        if let orphans { command.environment.append(orphans.mark(of: number)) }
        let started: StartedSupervisor
        do throws(ToolProcessError) {
            try RunDirectory.create(command.directory)
            started = try SupervisorSpawn.start(supervisor, options: options, command)
        } catch {
            // Others may have taken the descriptors that the call had its places for. Nothing of it has begun.
            var order = order
            order.tries += 1
            guard error.isOfDescriptors, order.tries < ToolProcessLoop.starts else {
                return order.listener.onEnd(.failed(error.description))
            }
            running.waiting.append((order, .now + ToolProcessLoop.pauseWithoutDescriptors))
            return
        }
        let now = MonotonicTime.now
        let output = OutputPipe(started.output, onBytes: order.listener.onBytes)
        if let input = started.input { order.input?.open(input) }
        process.started(control: started.control, supervisor: started.pid, output: output)
        running.processes[number] = SupervisedProcess(
            process, order.listener, command, started, output, order.input, at: now)
        running.processes[number]?.watchGrace(at: now)
        if process.stopping != nil { running.processes[number]?.watchStop(at: now) }
    }

    private func handle(_ source: Source, _ running: inout Running, _ buffer: UnsafeMutableRawBufferPointer) {
        switch source {
        case .wake:
            _ = recv(wake.receive, buffer.baseAddress, buffer.count, Int32(MSG_DONTWAIT))
        case .output(let number):
            // One read, then everybody else's turn.
            _ = running.processes[number]?.output.read(into: buffer)
        case .errors(let number): _ = running.processes[number]?.errors?.read(into: buffer)
        case .input(let number): running.processes[number]?.input?.write()
        case .control(let number):
            guard running.processes[number]?.readControl() == false else { return }
            running.processes[number]?.closePipes(buffer)
            running.leaving.append(number)
        }
    }

    private func finish(_ number: UInt64, _ running: inout Running) {
        guard let process = running.processes[number] else { return }
        let now = MonotonicTime.now
        if let nextLook = process.nextLook, nextLook > now { return running.leaving.append(number) }
        if process.nextLook == nil {
            var status: Int32 = 0
            // Somebody else may have reaped it (ECHILD): gone is gone.
            if waitpid(process.supervisor, &status, WNOHANG) == 0 { return running.leaving.append(number) }
        }
        if let orphans, !isAllGone(number, orphans, &running, now) { return running.leaving.append(number) }
        let ended = running.processes.removeValue(forKey: number)!
        ended.listener.onEnd(ended.end)
    }

    /// Kills what is left of a command whose supervisor has ended without having done so.
    private func isAllGone(
        _ number: UInt64, _ orphans: Orphans, _ running: inout Running, _ now: MonotonicTime
    ) -> Bool {
        guard let process = running.processes[number] else { return true }
        let known = running.supervisors(except: number)
        // When the first process of a supervisor was killed, the second is a child of ours, and may need a moment to end.
        if let keeper = process.keeper, !known.contains(keeper), waitpid(keeper, nil, WNOHANG) == 0 {
            running.processes[number]!.lookAgain(at: now)
            return false
        }
        if process.isAccountedFor { return true }
        return running.processes[number]!.take(orphans.kill(except: known), at: now)
    }

    /// Where everybody's orphans come, somebody has to reap them.
    private func reapOthers(_ running: inout Running, _ now: MonotonicTime) {
        guard let orphans, orphans.isFirst, running.nextReap <= now else { return }
        running.nextReap = now + .seconds(1)
        orphans.reapOthers(except: running.supervisors())
    }
}
