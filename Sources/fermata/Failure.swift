internal import ArgumentParser
internal import FermataClient
internal import FermataProtocol
internal import Foundation
internal import SwiftProtobuf

/// How a command ends when it does not succeed: one line on standard error that says what is wrong and what to do next,
/// and a code that scripts can use.
enum Failure {
    static let refused: Int32 = 1
    static let notRunning: Int32 = 69
    static let notWritten: Int32 = 74
    static let noAnswer: Int32 = 75
    static let misconfigured: Int32 = 78

    static func end(_ error: any Error) -> Never {
        if let mistakes = error as? Settings.Mistakes {
            say("\(mistakes)")
            exit(mistakes.areOptions ? ExitCode.validationFailure.rawValue : misconfigured)
        }
        guard let error = error as? ClientError else { Fermata.exit(withError: error) }
        switch error {
        case .notRunning(let url):
            say("no server listens at \(url). Start one with: fermata serve")
            exit(notRunning)
        case .timedOut:
            say("\(error); it may still do what it was asked to. Look at it with: fermata doctor")
            exit(noAnswer)
        case .refused(let refusal):
            say("\(error)" + (next(after: refusal).map { "; \($0)" } ?? ""))
            exit(refused)
        default:
            say("\(error)")
            exit(refused)
        }
    }

    /// What a person at the command line does about it.
    private static func next(after error: FermataError) -> String? {
        switch error.code {
        case ErrorCode.noSuchRun.name: "see: fermata list"
        case ErrorCode.noSuchAsk.name: "see: fermata inbox"
        case ErrorCode.invalidAnswer.name: "the ask is still open: fermata inbox"
        case ErrorCode.noSuchAgent.name: "see: fermata agent list"
        case ErrorCode.noSuchMessage.name: "the messages that wait are in: fermata show RUN"
        case ErrorCode.alreadyDelivered.name: "send another one that corrects it"
        case ErrorCode.stale.name: "look again with: fermata show RUN"
        case ErrorCode.unsupported.name, ErrorCode.unknownType.name:
            "the server is older than this command: fermata doctor"
        case ErrorCode.noSuchToken.name: "see: fermata token list"
        case ErrorCode.unauthenticated.name:
            "present a token with FERMATA_TOKEN or --token-file; whoever runs the server makes one: fermata token create"
        case ErrorCode.storeFull.name: "make room in the server's directory, then send it again"
        case ErrorCode.overloaded.name: "send it again in a moment"
        case ErrorCode.wrongStatus.name: next(inStatus: error.details.first { $0.key == "status" }?.value ?? "")
        default: nil
        }
    }

    private static func next(inStatus status: String) -> String? {
        switch status {
        case "STOPPED": "a stopped run can be read and nothing else"
        case "FINISHED": "a message starts a new turn: fermata send RUN TEXT"
        case "FAILED": "to try the failed step again: fermata resume RUN"
        case "IDLE": "it has no message yet: fermata send RUN TEXT"
        default: nil
        }
    }

    /// A line on standard error.
    static func say(_ line: String) {
        Screen.errors.write("fermata: \(Screen.errors.isTerminal ? line.harmless : line)\n")
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
