import Glibc

/// The directory in which a run's tools work.
enum WorkspaceDirectory {
    /// Makes sure that the directory is there; it and parents that are missing are created, mode 0700.
    ///
    /// Threads: any. Blocks for as long as the file system takes.
    static func create(_ path: String) throws(ToolProcessError) {
        guard path.hasPrefix("/"), !path.utf8.contains(0) else {
            throw ToolProcessError(code: EINVAL, what: "The workspace must be an absolute path")
        }
        if isDirectory(path) { return }
        var parent = ""
        for component in path.split(separator: "/") {
            parent += "/" + component
            if mkdir(parent, 0o700) != 0 {
                let code = errno
                // Whatever mkdir says of a parent (it exists, it is read-only, no permission), it may be there.
                if isDirectory(parent) { continue }
                let reason = code == EEXIST ? ENOTDIR : code
                throw ToolProcessError(code: reason, what: "The workspace \(path) cannot be created at \(parent)")
            }
        }
    }

    private static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }
}
