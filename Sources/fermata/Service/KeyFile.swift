internal import Foundation

/// The key of a model's server, from a file that has nothing else.
struct KeyFile: Sendable {
    let path: String
    let key: String
    let everybodyReads: Bool

    struct Unusable: Error, CustomStringConvertible { let description: String }

    init(_ path: String) throws {
        self.path = path
        guard let file = FileHandle(forReadingAtPath: path) else {
            throw Unusable(description: "\(path): the key cannot be read: \(String(cString: strerror(errno)))")
        }
        let data: Data
        do { data = try file.read(upToCount: 16 << 10) ?? Data() } catch {
            throw Unusable(description: "\(path): the key cannot be read: \(error.localizedDescription)")
        }
        key = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        guard !key.isEmpty, key.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            throw Unusable(description: "\(path): it has no key: one line of letters, digits and signs")
        }
        var status = stat()
        everybodyReads = stat(path, &status) == 0 && status.st_mode & 0o007 != 0
    }
}
