internal import FermataCore
internal import FermataProtocol
internal import Models
internal import RunRows
internal import SwiftProtobuf

/// A command that puts a run on hold.
private protocol HoldingCommand: RunCommand {
    var resumeAt: Int64 { get }
    var resumeAfterMs: UInt64 { get }
    var resumeToken: Bool { get }
}

extension FermataPause: HoldingCommand {}
extension FermataInterrupt: HoldingCommand {}

/// Holds with a time or a token, and what lifts them.
struct HoldHandler: FrameHandler {
    let entry: CommandEntry
    let tokens: ResumeTokens
    /// Knows the models that a run can go on with.
    let catalogue: ModelCatalogue

    var routes: [Route] { [.command(entry, pause), .command(entry, interrupt), .command(entry, resume)] }

    private func pause(_ pause: FermataPause, _ exchange: Exchange, _ complete: @escaping Exchange.Completion) throws {
        try hold(pause, { .pause($0) }, exchange, complete)
    }

    private func interrupt(
        _ interrupt: FermataInterrupt, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) throws {
        try hold(interrupt, { .interrupt($0) }, exchange, complete)
    }

    private func hold(
        _ command: some HoldingCommand, _ request: @escaping @Sendable (HoldTerms) -> RunRequest, _ exchange: Exchange,
        _ complete: @escaping Exchange.Completion
    ) throws {
        guard command.resumeAt >= 0 else {
            throw Refusal(.invalidArgument, "resume_at is not in the future", details: ["field": "resume_at"])
        }
        guard command.resumeAfterMs == 0 || command.resumeAt == 0, command.resumeAfterMs <= Self.longestHoldMs else {
            throw Refusal(
                .invalidArgument, "resume_after_ms is more than a hundred years, or there is a resume_at as well",
                details: ["field": "resume_after_ms"])
        }
        let terms = HoldTerms(
            resumeAt: command.resumeAt == 0 ? nil : command.resumeAt,
            resumeAfter: command.resumeAfterMs == 0 ? nil : Int64(command.resumeAfterMs) * 1000)
        guard command.resumeToken, let requestID = RequestID(command.requestID) else {
            return try entry.onRun(command, request(terms), exchange, complete)
        }
        try entry.onRun(
            command,
            { [tokens, terms] run in
                var terms = terms
                terms.tokenDigest = ResumeTokens.digest(of: tokens.token(run: run, request: requestID))
                return request(terms)
            }, exchange
        ) { [tokens] result in complete(result.map { tokens.adding(to: $0, request: requestID) }) }
    }

    private static let longestHoldMs: UInt64 = 100 * 366 * 24 * 3_600_000

    private func resume(
        _ resume: FermataResume, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) throws {
        if !resume.text.isEmpty { try TextCheck.text(resume.text, field: "text") }
        var terms = ResumeTerms(text: resume.text, holdAt: resume.holdAt, model: try model(of: resume))
        guard !resume.token.isEmpty else { return try entry.onRun(resume, .resume(terms), exchange, complete) }
        let claim = try tokens.claim(resume.token)
        var command = resume
        if command.run.isEmpty { command.run = claim.run.description }
        terms.tokenDigest = claim.digest
        let resumption = RunRequest.resume(terms)
        try entry.onRun(
            command,
            { run in
                guard run == claim.run else { throw Refusal.invalidToken }
                return resumption
            }, exchange
        ) { result in
            complete(
                result.mapError { refusal in
                    let isUnknown = refusal.code == .tokenUsed || refusal.code == .noSuchRun
                    return isUnknown && !claim.isOurs ? .invalidToken : refusal
                })
        }
    }

    /// The model that a run is to go on with; nil: the one that it has.
    private func model(of resume: FermataResume) throws(Refusal) -> FermataModelSet? {
        guard !resume.model.isEmpty else {
            guard resume.baseURL.isEmpty else {
                throw Refusal(.invalidArgument, "base_url needs a model", details: ["field": "base_url"])
            }
            return nil
        }
        guard resume.model.utf8.count <= 1024, resume.baseURL.utf8.count <= 1024 else {
            throw Refusal(.invalidArgument, "model and base_url have at most 1024 bytes", details: ["field": "model"])
        }
        guard !ModelTarget.hasCredentials(resume.baseURL) else {
            throw Refusal(
                .invalidArgument,
                "base_url has a user or a password, which would stay in the journal: LLM_BASE_URL can have them",
                details: ["field": "base_url"])
        }
        try catalogue.check(resume.model, at: resume.baseURL)
        return .with {
            $0.model = resume.model
            $0.baseURL = resume.baseURL
        }
    }
}

extension ResumeTokens {
    /// The reply with the token in it, if the command set a hold. It is not remembered with it: a repeat makes it anew.
    fileprivate func adding(to reply: [UInt8], request: RequestID) -> [UInt8] {
        guard let decoded = try? FermataCommandReply(serializedBytes: reply), decoded.changed,
            let run = RunID(decoded.run.id),
            let addition: [UInt8] = try? FermataCommandReply.with({ $0.resumeToken = token(run: run, request: request) }
            )
            .serializedBytes()
        else { return reply }
        // Encoded messages that follow each other are one message with the fields of both.
        return reply + addition
    }
}
