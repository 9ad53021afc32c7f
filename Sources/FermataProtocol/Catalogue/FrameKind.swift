internal import SwiftProtobuf

/// What a type of frame is that clients send on the control socket: who may send it, and how it is treated.
///
/// The one table of them is `FrameKind.of`. Access, admission, counters, the log, the gateway and
/// protocol/catalogue.json come from it.
public struct FrameKind: Sendable {
    /// What it does.
    public enum Effect: String, Sendable {
        /// It changes something: it has a request id, is remembered and counted.
        case command
        /// It changes nothing that is journaled.
        case read
        /// It says who sends the frames after it.
        case authentication
    }

    /// How it is treated where much is in progress.
    public enum Lane: String, Sendable {
        /// It is taken however much is in progress: control of runs is immediate, and who looks after the server must be
        /// able to see what is wrong.
        case always
        case ordinary
        /// A read whose reply may be long: it is not made for a connection that is closed by then.
        case page
    }

    public let type: FermataFrameType
    public let request: any ControlRequest.Type
    public let effect: Effect
    /// What its sender must be allowed to do; nil for what everybody may send.
    public let scope: FermataScope?
    public let lane: Lane

    /// The message's name in the schema, without the package.
    public var name: String { FrameKind.name(of: request) }
    public var replyName: String { FrameKind.replyName(of: request) }
    /// Whether it is about a run that it names.
    public var namesRun: Bool {
        request is any CommandOnRun.Type || [.getRun, .readEvents, .extendCall, .getUsage].contains(type)
    }

    private init<Request: ControlRequest>(
        _ request: Request.Type, _ effect: Effect, _ scope: FermataScope?, _ lane: Lane = .ordinary
    ) {
        type = Request.frameType
        self.request = request
        self.effect = effect
        self.scope = scope
        self.lane = lane
    }

    private static func name(of type: any SwiftProtobuf.Message.Type) -> String {
        String(type.protoMessageName.split(separator: ".").last ?? "")
    }

    private static func replyName<Request: ControlRequest>(of type: Request.Type) -> String {
        name(of: Request.Reply.self)
    }
}

extension FrameKind {
    /// Nil for types that clients do not send. Without a default: a type that is added does not compile until it is here.
    private static func make(_ type: FermataFrameType) -> FrameKind? {
        switch type {
        case .auth: FrameKind(FermataAuth.self, .authentication, nil, .always)
        case .hello: FrameKind(FermataHello.self, .read, .read, .always)
        case .stats: FrameKind(FermataStats.self, .read, .read, .always)
        case .getRun: FrameKind(FermataGetRun.self, .read, .read)
        case .listRuns: FrameKind(FermataListRuns.self, .read, .read, .page)
        case .listAsks: FrameKind(FermataListAsks.self, .read, .read, .page)
        case .readEvents: FrameKind(FermataReadEvents.self, .read, .read, .page)
        case .getAgent: FrameKind(FermataGetAgent.self, .read, .read)
        case .listAgents: FrameKind(FermataListAgents.self, .read, .read, .page)
        case .getBlob: FrameKind(FermataGetBlob.self, .read, .read, .page)
        case .getUsage: FrameKind(FermataGetUsage.self, .read, .read, .page)
        case .listTools: FrameKind(FermataListTools.self, .read, .read, .page)
        case .listTokens: FrameKind(FermataListTokens.self, .read, .admin, .page)
        // A read, unless it hands the run off: see Access.
        case .export: FrameKind(FermataExport.self, .read, .read)
        case .launch: FrameKind(FermataLaunch.self, .command, .operate)
        case .send: FrameKind(FermataSend.self, .command, .operate)
        case .withdraw: FrameKind(FermataWithdraw.self, .command, .operate)
        case .pause: FrameKind(FermataPause.self, .command, .operate, .always)
        case .interrupt: FrameKind(FermataInterrupt.self, .command, .operate, .always)
        case .resume: FrameKind(FermataResume.self, .command, .operate)
        case .stop: FrameKind(FermataStop.self, .command, .operate, .always)
        case .answer: FrameKind(FermataAnswer.self, .command, .operate)
        case .decideCall: FrameKind(FermataDecideCall.self, .command, .operate)
        case .setPolicy: FrameKind(FermataSetPolicy.self, .command, .operate)
        case .setBudget: FrameKind(FermataSetBudget.self, .command, .operate)
        case .fork: FrameKind(FermataFork.self, .command, .operate)
        case .import: FrameKind(FermataImport.self, .command, .operate)
        case .putBlob: FrameKind(FermataPutBlob.self, .command, .operate)
        case .putAgent: FrameKind(FermataPutAgent.self, .command, .admin)
        case .registerTools: FrameKind(FermataRegisterTools.self, .command, .operate)
        case .takeCalls: FrameKind(FermataTakeCalls.self, .read, .operate)
        case .startCall: FrameKind(FermataStartCall.self, .command, .operate)
        case .extendCall: FrameKind(FermataExtendCall.self, .read, .operate)
        case .completeCall: FrameKind(FermataCompleteCall.self, .command, .operate)
        case .createToken: FrameKind(FermataCreateToken.self, .command, .admin)
        case .revokeToken: FrameKind(FermataRevokeToken.self, .command, .admin)
        case .unspecified, .event, .statusChanged, .tick, .textDelta, .error, .UNRECOGNIZED: nil
        }
    }

    /// In the order of their numbers.
    public static let all: [FrameKind] = FermataFrameType.allCases.compactMap(make).sorted {
        $0.type.rawValue < $1.type.rawValue
    }

    private static let byNumber: [FrameKind?] = {
        var kinds = [FrameKind?](repeating: nil, count: (all.last?.type.rawValue ?? 0) + 1)
        for kind in all { kinds[kind.type.rawValue] = kind }
        return kinds
    }()

    /// - Returns: nil for a number of no frame that clients send.
    public static func of(_ type: UInt16) -> FrameKind? { Int(type) < byNumber.count ? byNumber[Int(type)] : nil }
}
