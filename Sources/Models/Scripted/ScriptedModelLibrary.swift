internal import Glibc
internal import ModelScript

/// The scripts that a scripted model plays, each with its conversations. Used by one thread; blocks on files.
struct ScriptLibrary: Sendable {
    /// What tells that a file has changed.
    private struct Version: Equatable {
        var device: UInt
        var inode: UInt
        var size: Int
        var seconds: Int
        var nanoseconds: Int

        init?(_ file: String) {
            var status = stat()
            guard stat(file, &status) == 0 else { return nil }
            device = UInt(status.st_dev)
            inode = UInt(status.st_ino)
            size = Int(status.st_size)
            seconds = status.st_mtim.tv_sec
            nanoseconds = status.st_mtim.tv_nsec
        }
    }

    private struct Entry {
        var version: Version?
        var player: ScriptPlayer
    }

    private var fixed: ScriptPlayer?
    private var entries: [String: Entry] = [:]

    init() {}

    init(always script: ModelScript) {
        fixed = ScriptPlayer(script)
    }

    mutating func plan(_ request: ModelRequest) throws(ScriptError) -> ScriptPlan {
        func next(_ player: inout ScriptPlayer) throws(ScriptError) -> ScriptPlan {
            try player.next(conversation: request.conversation, count: request.history.count) { index in
                ScriptMessage(request.history[index])
            }
        }
        if fixed != nil { return try next(&fixed!) }

        let file = request.model
        let version = Version(file)
        if version == nil || entries[file]?.version != version {
            // Before it is read: if it changes meanwhile, it is read again at the next call.
            entries[file] = nil
            entries[file] = Entry(version: version, player: ScriptPlayer(try ModelScript(contentsOf: file)))
        }
        return try next(&entries[file]!.player)
    }
}
