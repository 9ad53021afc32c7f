internal import AgentFiles
internal import FermataProtocol
internal import Foundation

/// Times as a person types them, in µs since 1970; and periods, in µs.
enum TimeArgument {
    struct Mistake: Error, CustomStringConvertible {
        let description: String
    }

    /// `90s`, `30m`, `2h`, `1d`, also put together from the largest to the smallest: `1h30m`.
    static func period(_ text: String) throws -> Int64 {
        guard let period = Period(text) else {
            throw Mistake(description: "a period is written like 90s, 30m, 2h, 1d or 1h30m")
        }
        return period.milliseconds * 1000
    }

    /// A time to come: a date and time, or the next time that the clock shows this.
    static func coming(_ text: String) throws -> Int64 {
        let time = try moment(text, clockMustBe: { $0 > $1 }, otherDay: 1)
        guard time > now else { throw Mistake(description: "that time is over") }
        return time
    }

    /// A time that has been: a date and time, the last time that the clock showed this, or a period ago.
    static func past(_ text: String) throws -> Int64 {
        if let period = try? period(text) { return now - period }
        return try moment(text, clockMustBe: { $0 <= $1 }, otherDay: -1)
    }

    static var now: Int64 { Int64(Date().timeIntervalSince1970 * 1_000_000) }

    private static func moment(
        _ text: String, clockMustBe isRight: (time_t, time_t) -> Bool, otherDay: Int32
    ) throws -> Int64 {
        let mistake = Mistake(
            description: "a time is written like 14:30, '2026-12-24 14:30', 2026-12-24 or 2026-12-24T14:30:00Z")
        let pattern =
            #/
            (?: ([0-9]{4}) - ([0-9]{2}) - ([0-9]{2}) )?
            (?: (?: ^ | [T\ ] ) ([0-9]{2}) : ([0-9]{2}) (?: : ([0-9]{2}) )? ( Z | [+\-] [0-9]{2} :? [0-9]{2} )? )?
            /#
        guard !text.isEmpty, let match = text.wholeMatch(of: pattern) else { throw mistake }
        func number(_ text: Substring?) -> Int32? { text.flatMap { Int32($0) } }
        var today = time(nil)
        var parts = tm()
        localtime_r(&today, &parts)
        let hasDate = match.1 != nil
        if let year = number(match.1), let month = number(match.2), let day = number(match.3) {
            (parts.tm_year, parts.tm_mon, parts.tm_mday) = (year - 1900, month - 1, day)
        }
        (parts.tm_hour, parts.tm_min, parts.tm_sec) = (number(match.4) ?? 0, number(match.5) ?? 0, number(match.6) ?? 0)
        guard parts.tm_hour < 24, parts.tm_min < 60, parts.tm_sec < 60, hasDate || match.7 == nil else { throw mistake }
        parts.tm_isdst = -1
        let wanted = parts
        var seconds: time_t
        if let zone = match.7 {
            seconds = timegm(&parts) - offset(zone)
        } else {
            seconds = mktime(&parts)
        }
        // The calendar would make 3 March of 31 February.
        guard parts.tm_mday == wanted.tm_mday, parts.tm_mon == wanted.tm_mon else { throw mistake }
        if !hasDate, !isRight(seconds, time(nil)) {
            parts = wanted
            parts.tm_mday += otherDay
            seconds = mktime(&parts)
        }
        return Int64(seconds) * 1_000_000
    }

    /// Seconds east of Greenwich of `Z`, `+02:00` or `-0530`.
    private static func offset(_ zone: Substring) -> Int {
        guard zone != "Z" else { return 0 }
        let digits = zone.dropFirst().filter { $0 != ":" }
        let minutes = (Int(digits.prefix(2)) ?? 0) * 60 + (Int(digits.suffix(2)) ?? 0)
        return (zone.hasPrefix("-") ? -60 : 60) * minutes
    }

    /// Local time, with the date unless it is today.
    static func text(_ microseconds: Int64) -> String {
        var (time, today) = (time_t(microseconds / 1_000_000), time(nil))
        var (parts, current) = (tm(), tm())
        localtime_r(&time, &parts)
        localtime_r(&today, &current)
        let clock = String(format: "%02d:%02d:%02d", parts.tm_hour, parts.tm_min, parts.tm_sec)
        guard parts.tm_yday != current.tm_yday || parts.tm_year != current.tm_year else { return clock }
        return String(format: "%04d-%02d-%02d ", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday) + clock
    }

    /// `45s`, `3m10s`, `2h05m`, `3d04h`: two units at most.
    static func text(period microseconds: Int64) -> String {
        let seconds = max(0, microseconds / 1_000_000)
        switch seconds {
        case ..<60: return "\(seconds)s"
        case ..<3600: return String(format: "%dm%02ds", Int(seconds / 60), Int(seconds % 60))
        case ..<86_400: return String(format: "%dh%02dm", Int(seconds / 3600), Int(seconds % 3600 / 60))
        default: return String(format: "%dd%02dh", Int(seconds / 86_400), Int(seconds % 86_400 / 3600))
        }
    }
}

extension Dollars {
    static func argument(_ text: String) throws -> Dollars {
        guard let dollars = Dollars(text) else {
            throw TimeArgument.Mistake(description: "dollars are written like 2 or 0.25, with at most nine decimals")
        }
        return dollars
    }
}
