import Foundation

/// The processes of this machine whose command line or environment has a text in it.
func processes(marked marker: String) -> [String] {
    let needle = Data(marker.utf8)
    let numbers = (try? FileManager.default.contentsOfDirectory(atPath: "/proc"))?.filter { Int($0) != nil } ?? []
    return numbers.compactMap { number in
        // What has ended meanwhile is not there to be found.
        for file in ["cmdline", "environ"] {
            guard let handle = FileHandle(forReadingAtPath: "/proc/\(number)/\(file)"),
                let data = try? handle.readToEnd(), data.range(of: needle) != nil
            else { continue }
            return "\(number): \(String(decoding: data.prefix(200), as: UTF8.self))"
        }
        return nil
    }
}
