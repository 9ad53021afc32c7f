import Glibc

/// A directory of a run's own: the one in which its tools work, or the one for their state.
enum RunDirectory {
    /// Makes sure that the directory is there; it and parents that are missing are created, mode 0700.
    ///
    /// - Parameter what: its name in an error, as the beginning of a sentence.
    ///
    /// Threads: any. Blocks for as long as the file system takes.
    static func create(_ path: String, _ what: String = "The workspace") throws(ToolProcessError) {
        guard path.hasPrefix("/"), !path.utf8.contains(0) else {
            throw ToolProcessError(code: EINVAL, what: "\(what) must be an absolute path")
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
                throw ToolProcessError(code: reason, what: "\(what) \(path) cannot be created at \(parent)")
            }
        }
    }

    private static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }
}
