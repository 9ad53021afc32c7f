import Glibc

/// A run's workspace as a place that no path leads out of.
///
/// A path is walked one component at a time, each opened by the descriptor of the directory before it and never as a
/// symbolic link; what a link says is read and walked in the same way, and `..` goes back to a descriptor that the walk
/// came by. The kernel is never given a path, so that nothing that others rename or replace meanwhile can lead
/// the walk elsewhere; there is nothing between a check and its use, on any kernel. (openat2 with RESOLVE_BENEATH would
/// do the same in one call, where it exists and no sandbox forbids it; the other way would still be needed beside it.)
///
/// Threads: any. Blocks for as long as the file system takes.
struct WorkspaceRoot {
    private static let maximumPathBytes = 4096
    /// Each holds a descriptor during the walk.
    private static let maximumDepth = 64
    /// As many as the kernel follows.
    private static let maximumLinks = 40

    private let descriptor: Descriptor
    /// Absolute paths that begin so are inside: the workspace as the run names it, and as the kernel does.
    private let prefixes: [[String]]

    /// Opens the workspace; it is created if it is missing. Its own path may lead through links: the operator chose it.
    init(_ path: String) throws(FileRefusal) {
        do throws(ToolProcessError) {
            try RunDirectory.create(path)
        } catch {
            throw FileRefusal(error.description + ".")
        }
        let number = uninterrupted { open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        guard number >= 0 else { throw FileRefusal(code: errno, "The workspace cannot be opened") }
        descriptor = Descriptor(number)
        var real = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/fd/\(number)", &real, real.count)
        let realPath = String(decoding: real[..<max(0, count)].map(UInt8.init(bitPattern:)), as: UTF8.self)
        prefixes = [path, realPath].filter { !$0.isEmpty }.map(WorkspaceRoot.components)
    }

    /// What the walk does at the end of the path, and where something is missing.
    struct Walk {
        /// A link at the end of the path is followed; else the place is the link's own.
        var followsLast = true
        /// Directories that are missing are made.
        var makesDirectories = false
    }

    /// Finds where a path leads, as the walk above; whether something is there is not looked at.
    func place(of path: String, _ walk: Walk = Walk()) throws(FileRefusal) -> WorkspacePlace {
        guard !path.isEmpty, !path.utf8.contains(0) else { throw FileRefusal("path must be a file name.") }
        guard path.utf8.count <= WorkspaceRoot.maximumPathBytes else {
            throw FileRefusal("path is longer than \(WorkspaceRoot.maximumPathBytes) bytes.")
        }
        var position = Position(root: descriptor, pending: try relative(path, naming: path).reversed())
        var links = 0
        while let name = position.pending.popLast() {
            if name == ".." {
                guard position.goUp() else { throw outside(path) }
                continue
            }
            let isLast = position.pending.isEmpty
            if !isLast || walk.followsLast, let target = try link(name, at: position) {
                links += 1
                guard links <= WorkspaceRoot.maximumLinks else {
                    throw FileRefusal("\(path) leads through too many links.")
                }
                if target.utf8.first == WorkspaceRoot.slash { position.goToRoot() }
                position.pending += try relative(target, naming: path).reversed()
                continue
            }
            if isLast { return position.place(name) }
            try enter(name, &position, walk)
        }
        return position.place(".")
    }

    private struct Position {
        private var directories: [Descriptor]
        private(set) var names: [String] = []
        /// What is left to walk, the next one last.
        var pending: [String]

        init(root: Descriptor, pending: [String]) {
            directories = [root]
            self.pending = pending
        }

        var directory: Descriptor { directories[directories.count - 1] }

        func path(_ name: String) -> String { (names + [name]).joined(separator: "/") }

        func place(_ name: String) -> WorkspacePlace {
            let all = name == "." ? names : names + [name]
            return WorkspacePlace(
                directory: directory, name: name, path: all.isEmpty ? "." : all.joined(separator: "/"))
        }

        mutating func enter(_ name: String, _ directory: Descriptor) {
            names.append(name)
            directories.append(directory)
        }

        mutating func goToRoot() {
            directories.removeLast(names.count)
            names = []
        }

        mutating func goUp() -> Bool {
            guard !names.isEmpty else { return false }
            names.removeLast()
            directories.removeLast()
            return true
        }
    }

    /// What the link says, nil if there is none of this name.
    private func link(_ name: String, at position: Position) throws(FileRefusal) -> String? {
        var target = [CChar](repeating: 0, count: WorkspaceRoot.maximumPathBytes + 1)
        let count = readlinkat(position.directory.number, name, &target, target.count)
        if count < 0 {
            // Not a link, or nothing: whoever uses the name finds out.
            if [EINVAL, ENOENT].contains(errno) { return nil }
            throw FileRefusal(code: errno, "\(position.path(name)) cannot be read")
        }
        guard count > 0, count <= WorkspaceRoot.maximumPathBytes else {
            throw FileRefusal("\(position.path(name)) is a link that is too long.")
        }
        return String(decoding: target[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    private func enter(_ name: String, _ position: inout Position, _ walk: Walk) throws(FileRefusal) {
        let path = position.path(name)
        guard position.names.count < WorkspaceRoot.maximumDepth else {
            throw FileRefusal("\(path) is too deep: at most \(WorkspaceRoot.maximumDepth) directories are entered.")
        }
        let flags = O_RDONLY | O_DIRECTORY
        var directory = Descriptor.open(name, in: position.directory, flags)
        if directory == nil, errno == ENOENT, walk.makesDirectories {
            guard mkdirat(position.directory.number, name, 0o777) == 0 || errno == EEXIST else {
                throw FileRefusal(code: errno, "The directory \(path) cannot be made")
            }
            directory = Descriptor.open(name, in: position.directory, flags)
        }
        guard let directory else {
            let code = errno
            throw switch code {
            case ENOENT: FileRefusal("The directory \(path) does not exist.")
            case ENOTDIR, ELOOP: FileRefusal("\(path) is not a directory.")
            default: FileRefusal(code: code, "The directory \(path) cannot be opened")
            }
        }
        position.enter(name, directory)
    }

    private func relative(_ path: String, naming asked: String) throws(FileRefusal) -> [String] {
        let components = WorkspaceRoot.components(path)
        guard path.utf8.first == WorkspaceRoot.slash else { return components }
        let prefix = prefixes.first { prefix in components.starts(with: prefix) { $0.utf8.elementsEqual($1.utf8) } }
        guard let prefix else { throw outside(asked) }
        return Array(components.dropFirst(prefix.count))
    }

    private func outside(_ path: String) -> FileRefusal {
        let workspace = "/" + prefixes[0].joined(separator: "/")
        return FileRefusal("\(path) leads out of the workspace \(workspace); only files in it can be used.")
    }

    private static let slash = UInt8(ascii: "/")

    /// By bytes, as the kernel does: of characters, a slash with an accent over it would not be a slash.
    private static func components(_ path: String) -> [String] {
        path.utf8.split(separator: slash).map { String(Substring($0)) }.filter { $0 != "." }
    }
}

/// A name in a directory of the workspace.
struct WorkspacePlace {
    let directory: Descriptor
    /// One component, `.` for the directory itself.
    let name: String
    /// From the workspace, through no link; `.` for the workspace itself.
    let path: String
}
