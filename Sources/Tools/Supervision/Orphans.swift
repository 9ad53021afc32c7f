internal import CProcess
import Glibc

/// Descendants of commands whose supervisors are both dead: the kernel makes them children of this process, which is a
/// child subreaper for that. They are found here and killed, and nobody else is.
///
/// Whose a child is:
/// - It has a command's mark in its environment: it is that command's. (A program can write over its environment, and
///   be started without.)
/// - It has no mark, and this process cannot have other children: it is not the first process of its namespace, to
///   which everybody's orphans come, had no children when it began, and starts none but supervisors. Then it is some
///   command's all the same.
/// - A descendant of a command can never again run programs with more privileges (`NoNewPrivs`, which its supervisor has
///   set). A child that can is no command's.
/// - Of any other nobody knows. It is left alone, and the command's end says so.
///
/// Used by the thread of `ToolProcesses`, which also starts all supervisors: so none is here that it does not know.
struct Orphans {
    /// What a look found.
    struct Look {
        /// Children that are some command's and live, or have ended and were not reaped in this look.
        var left = 0
        /// Children of which nobody knows whose they are.
        var unknown: [pid_t] = []
        /// It could not be seen which children there are: no descriptor was left for it.
        var isBlind = false
    }

    /// Begins the mark of every command of this process: `FERMATA_COMMAND=` and a number that no other process has.
    static let variable = "FERMATA_COMMAND"

    /// Whether this process is the first of its namespace, whose children all orphans become.
    let isFirst: Bool
    private let prefix: String
    /// Children that were there before: their numbers, and when they began.
    private let others: [pid_t: UInt64]
    /// There were some, and it could not be seen which.
    private let othersAreUnknown: Bool
    /// Whether this process itself may get no privileges, and so nothing can be told by it.
    private let isRestricted: Bool

    /// Makes this process a child subreaper.
    ///
    /// - Returns: nil if the kernel refuses, which none does.
    init?() {
        guard cprocess_become_subreaper() == 0 else { return nil }
        isFirst = getpid() == 1
        prefix = String(UInt64.random(in: .min ... .max), radix: 16)
        // Most have none at their start, and a look at all processes takes 1.3 ms beside 60 others.
        let others = cprocess_has_children() != 0 ? Child.all() : []
        othersAreUnknown = others == nil
        self.others = Dictionary(uniqueKeysWithValues: (others ?? []).map { ($0.number, $0.began) })
        isRestricted = Child.hasNoNewPrivileges(getpid()) ?? true
    }

    /// The variable that marks the processes of a command.
    func mark(of command: UInt64) -> String { "\(Orphans.variable)=\(prefix)-\(command)" }

    /// Kills and reaps what is left of commands.
    ///
    /// - Parameter supervisors: of commands that have them still.
    func kill(except supervisors: Set<pid_t>) -> Look {
        var look = Look()
        guard let children = Child.all() else {
            look.isBlind = true
            return look
        }
        for child in children where !supervisors.contains(child.number) && others[child.number] != child.began {
            if child.hasEnded {
                // Whoever it was: nobody else in this process waits for it.
                if waitpid(child.number, nil, WNOHANG) == 0 { look.left += 1 }
                continue
            }
            switch isOfCommand(child) {
            case true?:
                look.left += 1
                child.kill()
            case false?: break
            case nil: look.unknown.append(child.number)
            }
        }
        return look
    }

    /// Nil: nobody knows.
    private func isOfCommand(_ child: Child) -> Bool? {
        if child.isMarked("\(Orphans.variable)=\(prefix)-") { return true }
        if !isFirst, others.isEmpty, !othersAreUnknown { return true }
        if !isRestricted, Child.hasNoNewPrivileges(child.number) == false { return false }
        return nil
    }

    /// Reaps orphans of others, as the first process has to.
    func reapOthers(except supervisors: Set<pid_t>) {
        guard isFirst else { return }
        while true {
            let ended = cprocess_ended_child()
            // One of ours is reaped where its end is told, and until then it hides the others for a moment.
            guard ended > 0, !supervisors.contains(ended), waitpid(ended, nil, WNOHANG) == ended else { return }
        }
    }
}

/// A child of this process as /proc shows it: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
private struct Child {
    let number: pid_t
    let group: pid_t
    let hasEnded: Bool
    /// In clock ticks since the machine was started: with the number it names a process for ever.
    let began: UInt64

    /// A process that forks while this looks is seen itself, so an empty list is the truth. Nil: they cannot be seen.
    static func all() -> [Child]? {
        guard let directory = opendir("/proc") else { return nil }
        defer { closedir(directory) }
        let parent = getpid()
        var children: [Child] = []
        while let entry = readdir(directory) {
            let number = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { pid_t(strtol($0, nil, 10)) }
            }
            guard number > 0 else { continue }
            guard let bytes = read("/proc/\(number)/stat", atMost: 1024) else {
                // It is gone, or another user's that hides it: no child of ours is.
                if [EMFILE, ENFILE, ENOMEM].contains(errno) { return nil }
                continue
            }
            if let child = Child(number, bytes, childOf: parent) { children.append(child) }
        }
        return children
    }

    private init?(_ number: pid_t, _ stat: [UInt8], childOf parent: pid_t) {
        // Its name, in parentheses, may hold anything: the last one counts.
        guard let end = stat.lastIndex(of: UInt8(ascii: ")")) else { return nil }
        let fields = String(decoding: stat[(end + 1)...], as: UTF8.self).split(separator: " ")
        guard fields.count > 19, pid_t(fields[1]) == parent, let group = pid_t(fields[2]),
            let began = UInt64(fields[19])
        else { return nil }
        self.number = number
        self.group = group
        self.began = began
        hasEnded = ["Z", "X"].contains(fields[0])
    }

    /// Its number cannot be another's before this process reaps it.
    func kill() {
        if group > 1, group != getpgrp() { Glibc.kill(-group, SIGKILL) }
        Glibc.kill(number, SIGKILL)
    }

    /// Whether its environment has a variable that begins so. False also if it cannot be read.
    func isMarked(_ mark: String) -> Bool {
        guard let environment = Child.read("/proc/\(number)/environ", atMost: 4 << 20) else { return false }
        let mark = Array(mark.utf8)
        return environment.split(separator: 0).contains { $0.starts(with: mark) }
    }

    static func hasNoNewPrivileges(_ number: pid_t) -> Bool? {
        guard let status = read("/proc/\(number)/status", atMost: 16 << 10) else { return nil }
        let lines = String(decoding: status, as: UTF8.self).split(separator: "\n")
        guard let line = lines.first(where: { $0.hasPrefix("NoNewPrivs:") }) else { return nil }
        return line.hasSuffix("1")
    }

    private static func read(_ path: String, atMost limit: Int) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: min(limit, 16 << 10))
        while bytes.count < limit {
            let count = uninterrupted { Glibc.read(descriptor, &buffer, buffer.count) }
            guard count >= 0 else { return nil }
            if count == 0 { break }
            bytes += buffer[..<count]
        }
        return bytes
    }
}
