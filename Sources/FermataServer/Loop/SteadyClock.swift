internal import FermataProtocol
internal import Foundation
internal import Glibc
internal import Journal
internal import JournalSQLite
internal import RunRows

/// What the steady clock is after a start: a file beside the store remembers it.
///
/// Within one boot of the machine it is the time since the boot and a number that stays, so a restart does not change
/// it, whatever people's clock does meanwhile. After another boot nothing but people's clock tells how much time has
/// passed; it goes on from that, and never from before where it was: then no wait is longer than its own length.
struct SteadyClock: Equatable {
    /// Tells one boot of the machine from the others; empty if the system does not say.
    var boot: String
    /// What is added to the time since the boot, µs.
    var base: Int64
    /// How far people's clock was ahead of the steady one.
    var lead: Int64
    /// A time that it has reached.
    var reached: Int64

    /// The time as the steady clock is to begin with.
    ///
    /// - Parameters:
    ///   - known: what the file says; nil if there is none that can be read.
    ///   - lastEvent: the journal's last event's time on the steady clock, and its lead; nil if there is no event.
    ///   - people: what people's clock shows, µs since 1970.
    init(
        after known: SteadyClock?, lastEvent: (at: Int64, lead: Int64)?, boot: String, sinceBoot: Int64, people: Int64
    ) {
        self.boot = boot
        if let known, !boot.isEmpty, known.boot == boot, sinceBoot + known.base >= known.reached {
            base = known.base
        } else {
            // Where the file is gone, the journal is the witness.
            let lead = known?.lead ?? lastEvent?.lead ?? 0
            base = max(people - lead, known?.reached ?? lastEvent?.at ?? .min) - sinceBoot
        }
        reached = sinceBoot + base
        let difference = people - reached
        let lead = known?.lead ?? lastEvent?.lead ?? 0
        self.lead = abs(difference - lead) <= 100_000 ? lead : difference
    }

    // MARK: - The file

    init?(text: String) {
        let lines = text.split(separator: "\n").map { $0.split(separator: " ", maxSplits: 1) }
        var values: [Substring: Substring] = [:]
        for line in lines where line.count == 2 { values[line[0]] = line[1] }
        // From before there was a sum: 1.
        let isWhole =
            values["clock"] == "1" || values["clock"] == "2" && values["sum"].map(String.init) == Self.sum(text)
        guard isWhole, let base = values["base"].flatMap({ Int64($0) }),
            let lead = values["lead"].flatMap({ Int64($0) }), let reached = values["reached"].flatMap({ Int64($0) }),
            values["end"] == ".", SteadyClock.isTime(reached), SteadyClock.isTime(lead), SteadyClock.isTime(base)
        else { return nil }
        (self.boot, self.base, self.lead, self.reached) = (String(values["boot"] ?? ""), base, lead, reached)
    }

    /// Of one length, so that it is written over in one piece.
    var text: String {
        let said = "clock 2\nboot \(boot)\nbase \(base)\nlead \(lead)\nreached \(reached)\n"
        let line = said + "sum \(Self.sum(said))\nend .\n"
        return line + String(repeating: "\n", count: max(0, 255 - line.utf8.count))
    }

    /// Of all lines before the sum's own. A flipped digit would be another time: waits would end at once, and what is
    /// remembered for a day be forgotten. FNV-1a.
    private static func sum(_ text: String) -> String {
        let said = text.prefix(upTo: text.firstRange(of: "sum ")?.lowerBound ?? text.endIndex)
        let hash = said.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        return String(hash, radix: 16)
    }

    /// Within some centuries: sums of such times are far from where numbers end.
    private static func isTime(_ time: Int64) -> Bool { time.magnitude <= 1 << 54 }

    /// Of this boot of the machine: https://man7.org/linux/man-pages/man5/proc_sys_kernel.5.html
    static var currentBoot: String {
        let text = (try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)) ?? ""
        return String(text.prefix { $0.isHexDigit || $0 == "-" })
    }
}

/// The file `clock`, kept up to date by the loop. Its loss is no damage: see `SteadyClock`.
final class ClockFile: Sendable {
    private let path: String
    private let boot: String

    /// Sets the steady clock going, before anything is measured.
    ///
    /// - Throws: if the file cannot be opened or made, or is no regular file, or the journal cannot be read.
    init(path: String, _ reader: any JournalReading) throws {
        var lastEvent: (at: Int64, lead: Int64)?
        let last = try reader.lastOffset()
        if last > 0, let row = try reader.events(afterOffset: last - 1, maxBytes: .max, maxCount: 1).first {
            let lead = try FermataEvent(row).clockLead
            lastEvent = (row.at - lead, lead)
        }
        let known = try ClockFile.opened(path) { () throws(RegularFile.Refusal) in try ClockFile.read(path) }
        let clock = SteadyClock(
            after: known, lastEvent: lastEvent, boot: SteadyClock.currentBoot,
            sinceBoot: Clock.sinceBoot, people: Clock.now)
        Clock.begin(base: clock.base, lead: clock.lead)
        boot = clock.boot
        self.path = path
        try ClockFile.opened(path) { () throws(RegularFile.Refusal) in try put() }
    }

    private static func opened<T>(_ path: String, _ body: () throws(RegularFile.Refusal) -> T) throws(StartFailure) -> T
    {
        do { return try body() } catch {
            throw StartFailure("the file \(path) cannot be opened: \(error.cause)")
        }
    }

    /// - Returns: nil if there is no file, or if it does not say what the clock was.
    private static func read(_ path: String) throws(RegularFile.Refusal) -> SteadyClock? {
        let descriptor: Int32
        do { descriptor = try RegularFile.open(path, O_RDONLY) } catch {
            if error.isMissing { return nil }
            throw error
        }
        defer { close(descriptor) }
        // Several times what is written; what is longer is something else.
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        return String(validating: bytes.prefix(max(0, count)), as: UTF8.self).flatMap(SteadyClock.init)
    }

    /// Says how far the clock is. Not synced: what a power cut takes of it is half a minute.
    ///
    /// The file is opened for it: that is seldom, and a descriptor is always wanted.
    func write() { try? put() }

    private func put() throws(RegularFile.Refusal) {
        let descriptor = try RegularFile.open(path, O_WRONLY | O_CREAT | O_NOFOLLOW)
        defer { close(descriptor) }
        let steady = Clock.steady
        var text = Array(
            SteadyClock(boot: boot, base: steady - Clock.sinceBoot, lead: Clock.lead, reached: steady).text.utf8)
        // A disk that is full or broken has others who tell of it.
        _ = pwrite(descriptor, &text, text.count, 0)
    }
}

extension SteadyClock {
    init(boot: String, base: Int64, lead: Int64, reached: Int64) {
        (self.boot, self.base, self.lead, self.reached) = (boot, base, lead, reached)
    }
}
