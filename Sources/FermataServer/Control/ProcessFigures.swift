internal import Glibc
internal import NNG

/// What the kernel knows of this process; 0 where it does not say. See `man 5 proc`.
enum ProcessFigures {
    static var residentBytes: UInt64 {
        guard let file = fopen("/proc/self/statm", "r") else { return 0 }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        guard fgets(&line, Int32(line.count), file) != nil else { return 0 }
        let fields = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self).split(
            separator: " ")
        return (fields.count > 1 ? UInt64(fields[1]) ?? 0 : 0) * UInt64(sysconf(Int32(_SC_PAGESIZE)))
    }

    static var openDescriptors: UInt64 {
        // Without a descriptor to look at them, all are open.
        guard let directory = opendir("/proc/self/fd") else {
            return [EMFILE, ENFILE].contains(errno) ? UInt64(max(0, FreeDescriptors.limit)) : 0
        }
        defer { closedir(directory) }
        var count: UInt64 = 0
        while readdir(directory) != nil { count += 1 }
        // Itself, and the entries `.` and `..`.
        return count > 3 ? count - 3 : 0
    }
}
