internal import Foundation
internal import Glibc

/// The program's own code in memory.
enum TextPages {
    /// Gives back what only the start needed: it runs through much of the binary once (Swift's runtime looks through
    /// the conformances of all types), and the kernel maps 16 pages around each that is touched. What is used again
    /// comes back from the page cache, a page at a time; `man 2 madvise`, MADV_DONTNEED of an unwritten private mapping.
    ///
    /// Measured on an idle service, release build: 37.5 MiB resident before, 29.1 after; 5.4 of each are no file's pages.
    static func letGo() {
        guard let maps = FileHandle(forReadingAtPath: "/proc/self/maps")?.readDataToEndOfFile(),
            let program = realpath("/proc/self/exe", nil)
        else { return }
        defer { free(program) }
        let path = String(cString: program)
        for line in String(decoding: maps, as: UTF8.self).split(separator: "\n") where line.hasSuffix(" " + path) {
            // Code is never written to: only relocated data is, and that is not executable.
            let fields = line.split(separator: " ", maxSplits: 2)
            let bounds = fields[0].split(separator: "-").compactMap { UInt(String($0), radix: 16) }
            guard fields[1] == "r-xp", bounds.count == 2 else { continue }
            madvise(UnsafeMutableRawPointer(bitPattern: bounds[0]), Int(bounds[1] - bounds[0]), MADV_DONTNEED)
        }
    }
}
