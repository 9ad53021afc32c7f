internal import FermataCore
internal import FermataProtocol
internal import SwiftProtobuf

/// What the sender of a message may do.
///
/// It goes with a message, not with a connection: there is no session, and a client's REQ socket may silently connect
/// anew.
enum Access: Sendable {
    /// Everything: the socket's permissions have let in nobody else.
    case everything
    /// Nothing but what brings its own token along.
    case nobody
    /// The message began with a token that is not valid.
    case refused
    case token(Grant)

    /// What a token is good for.
    struct Grant: Sendable {
        let id: String
        let name: String
        let scope: FermataScope
    }

    var isAdmin: Bool {
        switch self {
        case .everything: true
        case .token(let grant): grant.scope >= .admin
        case .nobody, .refused: false
        }
    }

    /// - Throws: UNAUTHENTICATED, FORBIDDEN.
    func check(_ frame: Frame) throws(Refusal) {
        guard let kind = FrameKind.of(frame.type), let scope = kind.scope else {
            // What is no command is told so, but only to those who may ask.
            switch self {
            case .everything, .token: return
            case .nobody, .refused: throw .unauthenticated
            }
        }
        switch self {
        case .everything: return
        case .refused: throw .unauthenticated
        case .nobody: guard Self.bringsItsToken(kind.type, frame) else { throw .unauthenticated }
        case .token(let grant):
            let needed = max(scope, Self.scope(ofFieldsIn: frame, kind.type))
            guard grant.scope >= needed else { throw .forbidden(needed) }
        }
    }

    /// Fields that need more than the command by itself. What does not decode is refused later.
    private static func scope(ofFieldsIn frame: Frame, _ type: FermataFrameType) -> FermataScope {
        func has<M: SwiftProtobuf.Message>(_ type: M.Type, _ isThere: (M) -> Bool) -> Bool {
            (try? M(serializedBytes: frame.body)).map(isThere) ?? false
        }
        switch type {
        // The key of the model's provider goes there.
        case .resume: return has(FermataResume.self) { !$0.baseURL.isEmpty } ? .admin : .read
        case .listAsks: return has(FermataListAsks.self) { $0.tokens } ? .operate : .read
        case .export: return has(FermataExport.self) { $0.handoff } ? .operate : .read
        default: return .read
        }
    }

    /// Whether it is the answer to an ask, or the lifting of a hold, by a token made for just that, and nothing else.
    private static func bringsItsToken(_ type: FermataFrameType, _ frame: Frame) -> Bool {
        switch type {
        case .answer:
            guard let answer = try? FermataAnswer(serializedBytes: frame.body), !answer.token.isEmpty else {
                return false
            }
            // A sticky answer decides other calls too, and the token is for this one.
            return answer.run.isEmpty && answer.ask == 0 && !answer.hasSticky && !answer.hasIfSeq
        case .resume:
            guard var resume = try? FermataResume(serializedBytes: frame.body), !resume.token.isEmpty else {
                return false
            }
            resume.token = ""
            resume.requestID = ""
            resume.by = ""
            resume.reason = ""
            return resume == FermataResume()
        default: return false
        }
    }
}

extension Refusal {
    static let unauthenticated = Refusal(
        .unauthenticated, "the message does not begin with an Auth frame whose token is valid")

    static func forbidden(_ scope: FermataScope) -> Refusal {
        Refusal(
            .forbidden, "the token's scope does not allow this: it needs \(scope.protocolName)",
            details: ["scope": scope.protocolName])
    }
}
