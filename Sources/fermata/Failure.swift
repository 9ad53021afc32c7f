internal import ArgumentParser
internal import FermataClient
internal import FermataProtocol
internal import Foundation

/// How a command ends when it does not succeed: one line on standard error, and a code that scripts can use.
enum Failure {
    static let refused: Int32 = 1
    static let notRunning: Int32 = 69
    static let notWritten: Int32 = 74
    static let noAnswer: Int32 = 75

    static func end(_ error: any Error) -> Never {
        guard let error = error as? ClientError else { Fermata.exit(withError: error) }
        switch error {
        case .notRunning(let url):
            say("no server listens at \(url). Start one with: fermata serve")
            exit(notRunning)
        case .timedOut:
            say("\(error)")
            exit(noAnswer)
        default:
            say("\(error)")
            exit(refused)
        }
    }

    static func say(_ line: String) {
        try? FileHandle.standardError.write(contentsOf: Data("fermata: \(line)\n".utf8))
    }

    /// The code of `launch --wait` and `--follow` for a run that has come to rest.
    static func code(for status: FermataStatus) -> Int32 {
        switch status {
        case .finished: 0
        case .waiting: 10
        case .paused: 11
        case .failed: 12
        case .stopped: 13
        default: refused
        }
    }
}
