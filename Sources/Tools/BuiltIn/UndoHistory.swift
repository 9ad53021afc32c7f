import FoundationEssentials
import Glibc

/// What the files of a run were before `file_editor` changed them: one file for each change, in the run's directory for
/// tool state, where it survives the service and is not in the agent's way.
///
/// Bounded: the oldest changes are forgotten. Whatever is in the directory, a wrong or cut file is as none.
/// Threads: one at a time. Blocks for as long as the file system takes.
struct UndoHistory {
    static let maximumChanges = 100
    static let maximumBytes = 16 << 20

    struct Change: Equatable {
        /// From the workspace.
        var path: String
        /// Nil: there was no file.
        var before: [UInt8]?
        /// What the change made of it.
        var after: Fingerprint
    }

    /// Tells a content that is not the same; not meant to withstand somebody who wants it to look the same.
    struct Fingerprint: Codable, Equatable {
        var count: Int
        var hash: UInt64

        init(_ bytes: [UInt8]) {
            count = bytes.count
            // FNV-1a.
            hash = bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        }
    }

    /// The first line of a change's file; the bytes from before follow.
    private struct Head: Codable {
        var path: String
        var existed: Bool
        var before: Fingerprint
        var after: Fingerprint
    }

    private let directory: Descriptor

    /// - Parameter state: absolute path of the run's directory for tool state; made, mode 0700, if it is missing.
    init(state: String) throws(FileRefusal) {
        let path = state + "/file_editor"
        do throws(ToolProcessError) {
            try RunDirectory.create(path, "The undo history")
        } catch {
            throw FileRefusal(error.description + ".")
        }
        let number = uninterrupted { open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        guard number >= 0 else { throw FileRefusal(code: errno, "The undo history cannot be opened") }
        directory = Descriptor(number)
    }

    /// Notes a change that is about to be made; forgets the oldest beyond the bounds.
    ///
    /// - Returns: its number, for `forget` if it is not made after all.
    func note(_ change: Change) throws(FileRefusal) -> UInt64 {
        let numbers = try self.numbers()
        let number = (numbers.last ?? 0) + 1
        let before = change.before ?? []
        let head = Head(
            path: change.path, existed: change.before != nil, before: Fingerprint(before), after: change.after)
        guard let line = try? JSONEncoder().encode(head) else {
            throw FileRefusal("The change cannot be noted for undo.")
        }
        let place = WorkspacePlace(directory: directory, name: name(number), path: "The undo history")
        try place.create(Array(line) + [TextDocument.lf] + before)
        forgetOldest(numbers + [number])
        return number
    }

    func forget(_ number: UInt64) { unlinkat(directory.number, name(number), 0) }

    /// The last change of this file that is remembered.
    func last(of path: String) throws(FileRefusal) -> (number: UInt64, change: Change)? {
        for number in try numbers().reversed() {
            if let change = read(number, path) { return (number, change) }
        }
        return nil
    }

    private func read(_ number: UInt64, _ path: String) -> Change? {
        guard let file = Descriptor.open(name(number), in: directory, O_RDONLY),
            let bytes = file.read(upTo: UndoHistory.maximumBytes),
            let end = bytes.firstIndex(of: TextDocument.lf),
            let head = try? JSONDecoder().decode(Head.self, from: Data(bytes[..<end])),
            // Bytes: to the kernel, names that Unicode takes for the same are two.
            head.path.utf8.elementsEqual(path.utf8)
        else { return nil }
        let before = Array(bytes[(end + 1)...])
        guard Fingerprint(before) == head.before else { return nil }
        return Change(path: path, before: head.existed ? before : nil, after: head.after)
    }

    private func numbers() throws(FileRefusal) -> [UInt64] {
        guard let names = directory.names(upTo: 10 * UndoHistory.maximumChanges) else {
            throw FileRefusal(code: errno, "The undo history cannot be read")
        }
        // Left by a process that was killed while it wrote.
        for name in names where name.hasPrefix(TemporaryFile.prefix) { unlinkat(directory.number, name, 0) }
        return names.compactMap { UInt64($0) }.filter { $0 < .max }.sorted()
    }

    private func forgetOldest(_ numbers: [UInt64]) {
        var count = 0
        var bytes = 0
        for number in numbers.reversed() {
            count += 1
            bytes += Int(Descriptor.status(of: name(number), in: directory)?.st_size ?? 0)
            if count > UndoHistory.maximumChanges || bytes > UndoHistory.maximumBytes { forget(number) }
        }
    }

    private func name(_ number: UInt64) -> String { String(number) }
}
