public import FermataProtocol
internal import SwiftProtobuf

extension FermataEvent {
    /// The name of its kind.
    public var name: String {
        switch kind {
        case .launched: "launched"
        case .messageQueued: "messageQueued"
        case .messageWithdrawn: "messageWithdrawn"
        case .modelCalled: "modelCalled"
        case .modelAnswered: "modelAnswered"
        case .modelCut: "modelCut"
        case .modelFailed: "modelFailed"
        case .callStarted: "callStarted"
        case .callEnded: "callEnded"
        case .callGone: "callGone"
        case .callLost: "callLost"
        case .askOpened: "askOpened"
        case .askAnswered: "askAnswered"
        case .askClosed: "askClosed"
        case .held: "held"
        case .holdLifted: "holdLifted"
        case .retried: "retried"
        case .limitReached: "limitReached"
        case .stopped: "stopped"
        case .callEdited: "callEdited"
        case .policySet: "policySet"
        case .limitsSet: "limitsSet"
        case .modelSet: "modelSet"
        case .holdAtSet: "holdAtSet"
        case .handedOff: "handedOff"
        case .forked: "forked"
        case .childLaunched: "childLaunched"
        case .imported: "imported"
        case nil: "unknown"
        }
    }
}
