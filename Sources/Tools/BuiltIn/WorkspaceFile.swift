import Glibc

extension WorkspacePlace {
    /// Larger files are not read: their text would not help a model, and is kept in memory and in the undo history.
    static let maximumBytes = 4 << 20

    /// What is here, without waiting and without following a link.
    func open(_ access: Access) throws(FileRefusal) -> OpenedPlace {
        // Looked at first, because to open a device can have effects.
        guard let before = Descriptor.status(of: name, in: directory) else { throw missing(errno) }
        try check(before, access)
        let flags = access == .change && before.kind == .file ? O_RDWR : O_RDONLY
        guard let descriptor = Descriptor.open(name, in: directory, flags) else {
            throw FileRefusal(code: errno, "\(path) cannot be opened\(access == .change ? " for writing" : "")")
        }
        guard let status = descriptor.status else { throw FileRefusal(code: errno, "\(path) cannot be read") }
        try check(status, access)
        return OpenedPlace(place: self, descriptor: descriptor, status: status)
    }

    enum Access { case view, change }

    private func missing(_ code: Int32) -> FileRefusal {
        code == ENOENT || code == ENOTDIR
            ? FileRefusal("\(path) does not exist.") : FileRefusal(code: code, "\(path) cannot be read")
    }

    private func check(_ status: stat, _ access: Access) throws(FileRefusal) {
        let kind: String
        switch status.kind {
        case .file: return
        case .directory:
            if access == .view { return }
            kind = "a directory"
        case .link: kind = "a symbolic link"
        case .fifo: kind = "a named pipe"
        case .socket: kind = "a socket"
        case .device: kind = "a device"
        case .other: kind = "no file"
        }
        throw FileRefusal("\(path) is \(kind); only text files can be \(access == .view ? "viewed" : "changed").")
    }

    /// Makes a new file with these bytes, whole or not at all.
    func create(_ bytes: [UInt8]) throws(FileRefusal) {
        // The process's file mode mask applies.
        let temporary = try TemporaryFile(bytes, in: self, mode: 0o666)
        guard temporary.linkIntoPlace() else {
            let code = errno
            throw code == EEXIST ? alreadyExists : FileRefusal(code: code, "\(path) cannot be created")
        }
    }

    var alreadyExists: FileRefusal {
        FileRefusal("\(path) exists already; change it with str_replace or insert.")
    }
}

/// A file or a directory that is open for reading.
struct OpenedPlace {
    let place: WorkspacePlace
    let descriptor: Descriptor
    let status: stat

    var isDirectory: Bool { status.kind == .directory }
    /// How many names it has, this one included.
    var hardLinks: UInt64 { UInt64(status.st_nlink) }

    /// Of a file, from its beginning: call it once.
    func read() throws(FileRefusal) -> [UInt8] {
        let limit = WorkspacePlace.maximumBytes
        guard let bytes = descriptor.read(upTo: limit) else {
            throw FileRefusal(code: errno, "\(place.path) cannot be read")
        }
        guard bytes.count <= limit else { throw FileRefusal("\(place.path) is larger than \(limit >> 20) MiB.") }
        return bytes
    }

    /// Puts a new file with these bytes into the place of this one, whole or not at all; owner and mode are kept.
    ///
    /// If this file has other names (hard links), they keep the old content: it may be outside of the workspace.
    func replace(by bytes: [UInt8]) throws(FileRefusal) {
        let temporary = try TemporaryFile(bytes, in: place, mode: 0o600)
        guard temporary.take(ownerAndModeOf: status) else {
            throw FileRefusal(code: errno, "\(place.path) cannot be replaced by a file of the same owner and mode")
        }
        try checkUnchanged()
        guard temporary.renameIntoPlace() else { throw FileRefusal(code: errno, "\(place.path) cannot be written") }
    }

    func remove() throws(FileRefusal) {
        try checkUnchanged()
        guard unlinkat(place.directory.number, place.name, 0) == 0 else {
            throw FileRefusal(code: errno, "\(place.path) cannot be removed")
        }
    }

    /// Nobody can be kept from writing between this and the change; it makes the time short in which that is lost.
    private func checkUnchanged() throws(FileRefusal) {
        guard let now = Descriptor.status(of: place.name, in: place.directory), now.isSame(as: status) else {
            throw FileRefusal("\(place.path) was changed by somebody else just now; view it again.")
        }
    }
}

/// A file under a name of its own, in the directory where it is to be; removed if it does not get there.
struct TemporaryFile: ~Copyable {
    static let prefix = ".fermata-"

    private let descriptor: Descriptor
    private let name: String
    private let place: WorkspacePlace

    init(_ bytes: [UInt8], in place: WorkspacePlace, mode: mode_t) throws(FileRefusal) {
        let name = TemporaryFile.prefix + String(UInt64.random(in: 0...UInt64.max), radix: 16)
        let flags = O_WRONLY | O_CREAT | O_EXCL
        guard let descriptor = Descriptor.open(name, in: place.directory, flags, mode: mode) else {
            throw FileRefusal(code: errno, "\(place.path) cannot be written")
        }
        guard descriptor.write(bytes) else {
            let code = errno
            unlinkat(place.directory.number, name, 0)
            throw FileRefusal(code: code, "\(place.path) cannot be written")
        }
        self.descriptor = descriptor
        self.name = name
        self.place = place
    }

    deinit { unlinkat(place.directory.number, name, 0) }

    /// - Returns: false with the reason in `errno`.
    func take(ownerAndModeOf other: stat) -> Bool {
        guard let own = descriptor.status else { return false }
        if own.st_uid != other.st_uid || own.st_gid != other.st_gid,
            fchown(descriptor.number, other.st_uid, other.st_gid) != 0
        {
            return false
        }
        // Without set-user-id, as the kernel does when a file is written.
        return fchmod(descriptor.number, other.st_mode & 0o777) == 0
    }

    /// - Returns: false with the reason in `errno`.
    func renameIntoPlace() -> Bool {
        renameat(place.directory.number, name, place.directory.number, place.name) == 0
    }

    /// Unless the name is taken.
    ///
    /// - Returns: false with the reason in `errno`.
    func linkIntoPlace() -> Bool {
        let directory = place.directory
        if linkat(directory.number, name, directory.number, place.name, 0) == 0 { return true }
        guard [EPERM, EOPNOTSUPP, ENOSYS, EMLINK].contains(errno) else { return false }
        // A file system without hard links: the name is taken by an empty file first.
        guard Descriptor.open(place.name, in: directory, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600) != nil else {
            return false
        }
        return renameIntoPlace()
    }
}
