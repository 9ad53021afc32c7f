internal import Foundation

/// One thing that the doctor has looked at.
struct Finding: Codable, Sendable {
    enum Level: String, Codable, Sendable { case ok, warning, problem }

    /// What was looked at, in a word or two.
    let check: String
    let level: Level
    let text: String
    /// What to do about it; nil where nothing is to be done.
    let remedy: String?

    static func ok(_ check: String, _ text: String) -> Finding {
        Finding(check: check, level: .ok, text: text, remedy: nil)
    }

    static func warning(_ check: String, _ text: String, do remedy: String) -> Finding {
        Finding(check: check, level: .warning, text: text, remedy: remedy)
    }

    static func problem(_ check: String, _ text: String, do remedy: String) -> Finding {
        Finding(check: check, level: .problem, text: text, remedy: remedy)
    }
}

/// All of them, as `--json` prints it.
struct Findings: Codable {
    let findings: [Finding]
    let warnings: Int
    let problems: Int

    init(_ findings: [Finding]) {
        self.findings = findings
        warnings = findings.count { $0.level == .warning }
        problems = findings.count { $0.level == .problem }
    }
}

/// Runs what blocks on a thread of its own, not on one that tasks share.
func onThread<T: Sendable>(_ body: @escaping @Sendable () -> T) async -> T {
    await withCheckedContinuation { continuation in
        Thread.detachNewThread { continuation.resume(returning: body()) }
    }
}
