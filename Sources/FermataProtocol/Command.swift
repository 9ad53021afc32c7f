public import SwiftProtobuf

/// A message that a client sends on the control socket.
public protocol ControlRequest: SwiftProtobuf.Message {
    associatedtype Reply: SwiftProtobuf.Message
    static var frameType: FermataFrameType { get }
}

/// A request that changes something: it is remembered by its request id and journaled with who and why.
public protocol Command: ControlRequest {
    var requestID: String { get set }
    var by: String { get set }
    var reason: String { get set }
}

/// A command that names a run that exists.
public protocol CommandOnRun: Command {
    var run: String { get set }
    var ifSeq: UInt64 { get set }
    var hasIfSeq: Bool { get }
}

/// A command on a run, answered by what has become of it.
public protocol RunCommand: CommandOnRun where Reply == FermataCommandReply {}

extension FermataHello: ControlRequest {
    public typealias Reply = FermataHelloReply
    public static var frameType: FermataFrameType { .hello }
}

extension FermataGetRun: ControlRequest {
    public typealias Reply = FermataGetRunReply
    public static var frameType: FermataFrameType { .getRun }
}

extension FermataListRuns: ControlRequest {
    public typealias Reply = FermataListRunsReply
    public static var frameType: FermataFrameType { .listRuns }
}

extension FermataListAsks: ControlRequest {
    public typealias Reply = FermataListAsksReply
    public static var frameType: FermataFrameType { .listAsks }
}

extension FermataReadEvents: ControlRequest {
    public typealias Reply = FermataReadEventsReply
    public static var frameType: FermataFrameType { .readEvents }
}

extension FermataGetAgent: ControlRequest {
    public typealias Reply = FermataGetAgentReply
    public static var frameType: FermataFrameType { .getAgent }
}

extension FermataListAgents: ControlRequest {
    public typealias Reply = FermataListAgentsReply
    public static var frameType: FermataFrameType { .listAgents }
}

extension FermataGetUsage: ControlRequest {
    public typealias Reply = FermataGetUsageReply
    public static var frameType: FermataFrameType { .getUsage }
}

extension FermataStats: ControlRequest {
    public typealias Reply = FermataStatsReply
    public static var frameType: FermataFrameType { .stats }
}

extension FermataPutBlob: Command {
    public typealias Reply = FermataPutBlobReply
    public static var frameType: FermataFrameType { .putBlob }
}

extension FermataGetBlob: ControlRequest {
    public typealias Reply = FermataGetBlobReply
    public static var frameType: FermataFrameType { .getBlob }
}

extension FermataPutAgent: Command {
    public typealias Reply = FermataPutAgentReply
    public static var frameType: FermataFrameType { .putAgent }
}

extension FermataLaunch: Command {
    public typealias Reply = FermataCommandReply
    public static var frameType: FermataFrameType { .launch }
}

extension FermataSend: RunCommand {
    public typealias Reply = FermataCommandReply
    public static var frameType: FermataFrameType { .send }
}

extension FermataWithdraw: RunCommand {
    public typealias Reply = FermataCommandReply
    public static var frameType: FermataFrameType { .withdraw }
}

extension FermataPause: RunCommand {
    public typealias Reply = FermataCommandReply
    public static var frameType: FermataFrameType { .pause }
}

extension FermataInterrupt: RunCommand {
    public typealias Reply = FermataCommandReply
    public static var frameType: FermataFrameType { .interrupt }
}

extension FermataResume: RunCommand {
    public typealias Reply = FermataCommandReply
    public static var frameType: FermataFrameType { .resume }
}

extension FermataStop: RunCommand {
    public typealias Reply = FermataCommandReply
    public static var frameType: FermataFrameType { .stop }
}

extension FermataAnswer: RunCommand {
    public typealias Reply = FermataCommandReply
    public static var frameType: FermataFrameType { .answer }
}

extension FermataTakeCalls: ControlRequest {
    public typealias Reply = FermataTakeCallsReply
    public static var frameType: FermataFrameType { .takeCalls }
}

extension FermataListTools: ControlRequest {
    public typealias Reply = FermataListToolsReply
    public static var frameType: FermataFrameType { .listTools }
}

extension FermataExtendCall: ControlRequest {
    public typealias Reply = FermataExtendCallReply
    public static var frameType: FermataFrameType { .extendCall }
}

extension FermataListTokens: ControlRequest {
    public typealias Reply = FermataListTokensReply
    public static var frameType: FermataFrameType { .listTokens }
}

extension FermataAuth: ControlRequest {
    public typealias Reply = FermataAuthReply
    public static var frameType: FermataFrameType { .auth }
}

extension FermataRegisterTools: Command {
    public typealias Reply = FermataRegisterToolsReply
    public static var frameType: FermataFrameType { .registerTools }
}

extension FermataCreateToken: Command {
    public typealias Reply = FermataCreateTokenReply
    public static var frameType: FermataFrameType { .createToken }
}

extension FermataRevokeToken: Command {
    public typealias Reply = FermataRevokeTokenReply
    public static var frameType: FermataFrameType { .revokeToken }
}

extension FermataImport: Command {
    public typealias Reply = FermataCommandReply
    public static var frameType: FermataFrameType { .import }
}

extension FermataDecideCall: RunCommand {
    public typealias Reply = FermataCommandReply
    public static var frameType: FermataFrameType { .decideCall }
}

extension FermataSetPolicy: RunCommand {
    public typealias Reply = FermataCommandReply
    public static var frameType: FermataFrameType { .setPolicy }
}

extension FermataSetBudget: RunCommand {
    public typealias Reply = FermataCommandReply
    public static var frameType: FermataFrameType { .setBudget }
}

extension FermataFork: RunCommand {
    public typealias Reply = FermataCommandReply
    public static var frameType: FermataFrameType { .fork }
}

extension FermataStartCall: RunCommand {
    public typealias Reply = FermataCommandReply
    public static var frameType: FermataFrameType { .startCall }
}

extension FermataCompleteCall: RunCommand {
    public typealias Reply = FermataCommandReply
    public static var frameType: FermataFrameType { .completeCall }
}

/// A read, unless it hands the run off; then it is a command besides.
extension FermataExport: CommandOnRun {
    public typealias Reply = FermataExportReply
    public static var frameType: FermataFrameType { .export }
}
