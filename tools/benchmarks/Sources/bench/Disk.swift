internal import CBench
internal import Glibc

/// The disk's mood. Virtual disks let so many operations through at once and then slow them down: a sync that took
/// 0.1 ms takes 4 ms until they have recovered. Whoever is measured then would pay for whoever was before.
final class Disk {
    private let path: String
    /// How often it may be waited for in the whole run: a disk that is slow for good is measured as it is.
    private var patience: Int
    private var best = Double.infinity

    init(_ directory: String, isQuick: Bool) throws {
        path = "\(directory)/probe"
        patience = isQuick ? 10 : 200
        for _ in 0..<10 { _ = try probe() }
    }

    /// Waits until a sync takes about what it took at best, while patience lasts.
    func settle() throws {
        while patience > 0, try probe() > 2.5 * best {
            patience -= 1
            usleep(100_000)
        }
    }

    private func probe() throws -> Double {
        var times = [UInt64](repeating: 0, count: 5)
        try check(bench_sync_times(path, 16 << 10, times.count, &times))
        let time = Times(times).p50
        best = min(best, time)
        return time
    }
}
