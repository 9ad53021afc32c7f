internal import Foundation
internal import NNG

/// The server's directory: who owns it, who may look into it, and whether sockets fit into it.
enum DirectoryChecks {
    static func findings(_ directory: String) -> [Finding] {
        var status = stat()
        guard stat(directory, &status) == 0 else {
            guard errno == ENOENT else {
                return [
                    .problem(
                        "directory", "\(directory): \(String(cString: strerror(errno)))",
                        do: "name another one with --dir or FERMATA_DIR")
                ]
            }
            return [
                .warning(
                    "directory", "\(directory) is not there yet",
                    do: "fermata serve makes it; or name the right one with --dir or FERMATA_DIR")
            ] + path(directory)
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            return [
                .problem("directory", "\(directory) is no directory", do: "name another one with --dir or FERMATA_DIR")
            ]
        }
        let mode = String(status.st_mode & 0o7777, radix: 8)
        let finding: Finding
        if status.st_uid != getuid() {
            finding = .warning(
                "directory", "\(directory) belongs to user \(status.st_uid), not to you (\(getuid()))",
                do: "run this as that user: a server lets in its own user and root only")
        } else if access(directory, W_OK | X_OK) != 0 {
            finding = .problem("directory", "\(directory) cannot be written", do: "chmod u+wx \(directory)")
        } else if status.st_mode & 0o077 != 0 {
            finding = .warning(
                "directory", "\(directory) has mode \(mode): others can look into it", do: "chmod 700 \(directory)")
        } else {
            finding = .ok("directory", "\(directory), mode \(mode), yours")
        }
        return [finding] + path(directory)
    }

    private static func path(_ directory: String) -> [Finding] {
        let length = (directory + "/control.sock").utf8.count
        guard length > Address.longestPath else { return [] }
        return [
            .problem(
                "sockets", "the path of control.sock has \(length) bytes, and \(Address.longestPath) is the most",
                do: "use a directory with a shorter path, or name the sockets with --control, --events, --text")
        ]
    }
}
