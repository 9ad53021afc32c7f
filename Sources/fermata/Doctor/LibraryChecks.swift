internal import Curl
internal import FermataProtocol
internal import Foundation
internal import NNG
internal import SQLite

/// The program and the C libraries: which are loaded, and which it was compiled with.
enum LibraryChecks {
    static var findings: [Finding] {
        [
            .ok("fermata", "\(FermataRelease.version), \(system)"),
            library("nng", NNGLibrary.version, NNGLibrary.headerVersion, oldest: [1, 5, 2], package: "libnng1"),
            library(
                "sqlite", Database.libraryVersion, Database.headerVersion, oldest: [3, 37, 0], package: "libsqlite3-0"),
            CurlLibrary.usabilityProblem.map { .problem("curl", $0, do: "install a newer libcurl4") }
                ?? library(
                    "curl", CurlLibrary.version, CurlLibrary.headerVersion, oldest: [7, 87, 0], package: "libcurl4",
                    note: CurlLibrary.tlsVersion.map { ", \($0)" } ?? ", without TLS"),
        ]
    }

    private static var system: String {
        var names = utsname()
        uname(&names)
        func text<T>(_ value: T) -> String {
            withUnsafeBytes(of: value) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        }
        return "\(text(names.sysname)) \(text(names.release)) \(text(names.machine))"
    }

    private static func library(
        _ name: String, _ loaded: String, _ compiled: String, oldest: [Int], package: String, note: String = ""
    ) -> Finding {
        let text = "\(loaded)\(note)" + (loaded == compiled ? "" : "; compiled with \(compiled)")
        if numbers(loaded).lexicographicallyPrecedes(oldest) {
            let needed = oldest.map(String.init).joined(separator: ".")
            return .problem(name, "\(text): \(needed) is needed", do: "install a newer \(package)")
        }
        guard numbers(loaded).first == numbers(compiled).first else {
            return .problem(name, "\(text): not made for each other", do: "compile fermata on this machine")
        }
        if numbers(loaded).lexicographicallyPrecedes(numbers(compiled)) {
            return .warning(
                name, "\(text): older than what it was compiled with", do: "install \(package) as it was there")
        }
        return .ok(name, text)
    }

    private static func numbers(_ version: String) -> [Int] { version.split(separator: ".").map { Int($0) ?? 0 } }
}
