import Glibc
import Synchronization
internal import Threads

/// Runs the commands and the lasting processes of all tools, each under a supervisor, on one thread of its own.
///
/// Every command, however many processes it makes of itself, is gone when its end is told, when it is cancelled, and
/// when this process dies, also by SIGKILL. A command is over when its first process has ended; what it left behind in
/// the background is killed a tenth of a second later. Of a `LongLivedProcess` the same holds.
///
/// Ownership: one for a process; whoever creates it calls `close`. Threads: callable from any.
public final class ToolProcesses: Sendable {
    private let loop: ToolProcessLoop

    /// - Parameters:
    ///   - supervisor: absolute path of the program `fermata-supervisor`.
    ///   - adoptsOrphans: makes this process a child subreaper: what commands leave behind whose supervisors were killed
    ///     as well becomes its child, and is killed. Only for a process that starts no others, nor waits for any.
    /// - Throws: if that is not an executable file, or the system has no descriptor or thread left.
    public convenience init(
        supervisor: String = ToolProcesses.defaultSupervisor, adoptsOrphans: Bool = false
    ) throws(ToolProcessError) {
        try self.init(supervisor: supervisor, options: [], adoptsOrphans: adoptsOrphans)
    }

    /// - Parameter options: of the supervisor itself, for tests.
    init(supervisor: String, options: [String], adoptsOrphans: Bool = false) throws(ToolProcessError) {
        guard access(supervisor, X_OK) == 0 else {
            throw ToolProcessError(code: errno, what: "The program \(supervisor), which runs commands, cannot be used")
        }
        loop = try ToolProcessLoop(supervisor: supervisor, options: options, adoptsOrphans: adoptsOrphans)
        try loop.startThread()
    }

    deinit { close() }

    /// Kills every command and refuses new ones; the thread ends when the last command has. Idempotent, never blocks.
    public func close() { loop.close() }

    /// How many processes may be there at once that last longer than a call; another one is not started. Each has
    /// `LongLivedProcess.descriptors` open. No limit unless it is set; those that are there stay.
    public func limitLongLivedProcesses(to count: Int) { loop.longLivedLimit.store(count, ordering: .relaxed) }

    /// `fermata-supervisor` in the directory of this process's own program.
    public static var defaultSupervisor: String {
        var path = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = path.withUnsafeMutableBytes { bytes in
            readlink("/proc/self/exe", bytes.bindMemory(to: CChar.self).baseAddress!, bytes.count)
        }
        let program = path[..<max(0, count)]
        let directory = program[..<(program.lastIndex(of: UInt8(ascii: "/")) ?? 0)]
        return String(decoding: directory, as: UTF8.self) + "/fermata-supervisor"
    }

    /// Never blocks; an end comes exactly once, on the thread.
    ///
    /// - Parameter input: of a command that has a pipe for it.
    func start(
        _ process: ToolProcess, _ command: ProcessCommand, _ listener: ToolProcessListener, input: InputPipe? = nil
    ) {
        loop.start(.init(process: process, listener: listener, what: .execute(command), input: input))
    }

    /// Ends a process that was never started as failed, on the thread.
    func refuse(_ process: ToolProcess, _ reason: String, _ listener: ToolProcessListener) {
        loop.start(.init(process: process, listener: listener, what: .refuse(reason)))
    }

    /// Kills the process and all its descendants, now and again until they are gone. Never blocks.
    func cancel(_ process: ToolProcess) {
        process.stop(.cancelled)
        loop.noteStop()
    }

    /// Kills the process after so long, unless it has ended by then. Never blocks.
    func end(_ process: ToolProcess, within grace: Duration) {
        process.limit(to: grace)
        loop.noteStop()
    }

    /// Something was queued for some process's standard input.
    func noteInput() { loop.noteInput() }
}
