import Glibc

/// A supervisor that was just started, and our ends of its two connections. Whoever has it closes and reaps.
struct StartedSupervisor {
    var pid: pid_t
    /// SOCK_SEQPACKET, non-blocking.
    var control: Int32
    /// What the command writes to standard output, and to standard error unless that has a pipe of its own; non-blocking.
    var output: Int32
    /// To its standard input, and from its standard error, of a command that has a pipe for each; non-blocking.
    var input: Int32?
    var errors: Int32?
}

/// Starts `fermata-supervisor` with a command.
///
/// By posix_spawn, which neither copies this process's memory nor runs code of ours in the child: the service has many
/// threads. https://man7.org/linux/man-pages/man3/posix_spawn.3.html
enum SupervisorSpawn {
    static func start(
        _ supervisor: String, options: [String], _ command: ProcessCommand
    ) throws(ToolProcessError) -> StartedSupervisor {
        let arguments = [supervisor] + options + [command.directory] + command.arguments
        guard !(arguments + command.environment).contains(where: { $0.utf8.contains(0) }) else {
            throw ToolProcessError(code: EINVAL, what: "The command or its environment contains a NUL character")
        }
        var ends = Ends()
        defer { ends.closeThoseOfTheChild() }
        var pid: pid_t = 0
        do throws(ToolProcessError) {
            let control = try ends.add(socketPair(SOCK_SEQPACKET))
            let output = try ends.add(pipe())
            let input = command.streams == .pipes ? try ends.add(pipe(fromUs: true)) : nil
            let errors = command.streams == .pipes ? try ends.add(pipe()) : nil
            let child = ChildEnds(
                input: input?.child, output: output.child, errors: errors?.child ?? output.child,
                control: control.child)
            let code = withCStrings(arguments) { arguments in
                withCStrings(command.environment) { spawn(&pid, supervisor, arguments, $0, child) }
            }
            guard code == 0 else {
                throw ToolProcessError(code: code, what: "The command cannot be started under \(supervisor)")
            }
            return StartedSupervisor(
                pid: pid, control: control.ours, output: output.ours, input: input?.ours, errors: errors?.ours)
        } catch {
            ends.closeOurs()
            throw error
        }
    }

    /// Both ends of a command's connections, while it is being started.
    private struct Ends {
        private var pairs: [(ours: Int32, child: Int32)] = []

        mutating func add(_ pair: (ours: Int32, child: Int32)) -> (ours: Int32, child: Int32) {
            pairs.append(pair)
            return pair
        }

        func closeThoseOfTheChild() { for pair in pairs { close(pair.child) } }
        func closeOurs() { for pair in pairs { close(pair.ours) } }
    }

    /// What the child's descriptors 0 to 3 are to be; none of them has such a number here.
    private struct ChildEnds {
        /// nil: /dev/null.
        var input: Int32?
        var output: Int32
        var errors: Int32
        var control: Int32
    }

    private static func spawn(
        _ pid: inout pid_t, _ program: String,
        _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>,
        _ environment: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>,
        _ child: ChildEnds
    ) -> Int32 {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if let input = child.input {
            posix_spawn_file_actions_adddup2(&actions, input, 0)
        } else {
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        }
        posix_spawn_file_actions_adddup2(&actions, child.output, 1)
        posix_spawn_file_actions_adddup2(&actions, child.errors, 2)
        posix_spawn_file_actions_adddup2(&actions, child.control, 3)

        // A service that ignores SIGPIPE or blocks signals in its threads does not hand that down to commands.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
        return posix_spawn(&pid, program, &actions, &attributes, arguments, environment)
    }

    /// Two connected sockets, non-blocking and close-on-exec.
    static func socketPair(_ type: __socket_type) throws(ToolProcessError) -> (ours: Int32, child: Int32) {
        var pair: [Int32] = [-1, -1]
        let flags = type.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue
        guard socketpair(AF_UNIX, Int32(flags), 0, &pair) == 0 else {
            throw ToolProcessError(code: errno, what: "A socket for commands cannot be opened")
        }
        return try aboveStandard(pair)
    }

    /// - Parameter fromUs: we write to it, and the child reads.
    private static func pipe(fromUs: Bool = false) throws(ToolProcessError) -> (ours: Int32, child: Int32) {
        var pair: [Int32] = [-1, -1]
        guard Glibc.pipe(&pair) == 0 else {
            throw ToolProcessError(code: errno, what: "A pipe for a command cannot be opened")
        }
        // Swift's Glibc has no pipe2. What a child started by another thread in between could inherit is harmless: a
        // supervisor closes all that it does not know, and all supervisors are started by one thread.
        for descriptor in pair { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        if fromUs { pair.swapAt(0, 1) }
        _ = fcntl(pair[0], F_SETFL, O_NONBLOCK)
        return try aboveStandard(pair)
    }

    /// The two under numbers that are none of the child's 0 to 3, in a service that was started with one of these
    /// closed. If there are none, they are closed.
    private static func aboveStandard(_ pair: [Int32]) throws(ToolProcessError) -> (ours: Int32, child: Int32) {
        var moved = pair
        for index in moved.indices where moved[index] <= 3 {
            let descriptor = fcntl(pair[index], F_DUPFD_CLOEXEC, 4)
            let code = errno
            close(pair[index])
            moved[index] = descriptor
            if descriptor < 0 {
                close(moved[1 - index])
                throw ToolProcessError(code: code, what: "A descriptor for a command cannot be opened")
            }
        }
        return (moved[0], moved[1])
    }

    private static func withCStrings<Result>(
        _ strings: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        var pointers = strings.map { strdup($0) } + [nil]
        defer { pointers.forEach { free($0) } }
        return pointers.withUnsafeMutableBufferPointer { body($0.baseAddress!) }
    }
}
