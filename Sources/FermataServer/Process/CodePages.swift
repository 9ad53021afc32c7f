internal import Foundation
internal import Glibc

/// The code of the program and of its libraries in memory.
enum CodePages {
    /// Gives back what only the start needed: it runs through much of the binary once (Swift's runtime looks through
    /// the conformances of all types), and the kernel maps 16 pages around each that is touched. What is used again
    /// comes back from the page cache; `man 2 madvise`, MADV_DONTNEED of an unwritten private mapping.
    ///
    /// Measured on an idle service, release build: 41 MiB resident before, 17.4 after; 5.9 of each are no file's pages.
    static func letGo() {
        guard let maps = FileHandle(forReadingAtPath: "/proc/self/maps")?.readDataToEndOfFile() else { return }
        for line in String(decoding: maps, as: UTF8.self).split(separator: "\n") {
            // Code is never written to: only relocated data is, and that is not executable.
            let fields = line.split(separator: " ")
            guard fields.count > 5, fields[1] == "r-xp", fields[5].hasPrefix("/") else { continue }
            let bounds = fields[0].split(separator: "-").compactMap { UInt(String($0), radix: 16) }
            guard bounds.count == 2 else { continue }
            madvise(UnsafeMutableRawPointer(bitPattern: bounds[0]), Int(bounds[1] - bounds[0]), MADV_DONTNEED)
        }
    }
}
