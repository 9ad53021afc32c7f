import FermataProtocol
import Foundation
import SwiftProtobuf

/// Every message and enum of the schema as Swift has it, and as protocol/fermata.proto writes it.
enum Schema {
    static let package = "fermata.v1"

    static let types: [any SwiftProtobuf.Message.Type] = [
        FermataHello.self, FermataHelloReply.self, FermataLaunch.self, FermataLabelEntry.self, FermataSend.self,
        FermataWithdraw.self, FermataPause.self, FermataInterrupt.self, FermataResume.self, FermataStop.self,
        FermataAnswer.self, FermataCommandReply.self, FermataGetRun.self, FermataGetRunReply.self,
        FermataListRuns.self, FermataListRunsReply.self, FermataListAsks.self, FermataListAsksReply.self,
        FermataReadEvents.self, FermataReadEventsReply.self, FermataError.self, FermataRunSummary.self,
        FermataHold.self, FermataFailure.self, FermataUsage.self, FermataCall.self, FermataQueuedMessage.self,
        FermataAsk.self, FermataEvent.self, FermataToolSpec.self, FermataLaunched.self, FermataMessageQueued.self,
        FermataMessageWithdrawn.self, FermataModelCalled.self, FermataModelAnswered.self, FermataSelectedCall.self,
        FermataModelCut.self, FermataBlock.self, FermataOrigin.self, FermataModelFailed.self, FermataCallStarted.self,
        FermataCallEnded.self,
        FermataCallGone.self, FermataCallLost.self, FermataAskOpened.self, FermataAskAnswered.self,
        FermataAskClosed.self, FermataHeld.self, FermataHoldLifted.self, FermataRetried.self, FermataStopped.self,
        FermataStatusChanged.self, FermataTick.self, FermataTextDelta.self, FermataPutAgent.self,
        FermataPutAgentReply.self, FermataGetAgent.self, FermataGetAgentReply.self, FermataListAgents.self,
        FermataListAgentsReply.self, FermataAgent.self, FermataStoredAgent.self, FermataModelOptions.self,
        FermataLimits.self, FermataStats.self, FermataStatsReply.self, FermataLimitReached.self,
        FermataHoldPoint.self, FermataSticky.self, FermataDecideCall.self, FermataSetPolicy.self,
        FermataSetBudget.self, FermataFork.self, FermataExport.self, FermataExportReply.self, FermataImport.self,
        FermataRegisterTools.self, FermataRegisterToolsReply.self, FermataListTools.self, FermataListToolsReply.self,
        FermataRegisteredTool.self, FermataTakeCalls.self, FermataTakeCallsReply.self, FermataCallOffer.self,
        FermataStartCall.self, FermataExtendCall.self, FermataExtendCallReply.self, FermataCompleteCall.self,
        FermataQuestion.self, FermataAnswerFormat.self, FermataAuth.self, FermataAuthReply.self,
        FermataCreateToken.self, FermataCreateTokenReply.self, FermataListTokens.self, FermataListTokensReply.self,
        FermataRevokeToken.self, FermataRevokeTokenReply.self, FermataToken.self, FermataPolicy.self,
        FermataToolPolicy.self, FermataRule.self, FermataCondition.self, FermataCallEdited.self,
        FermataPolicySet.self, FermataLimitsSet.self, FermataModelSet.self, FermataHoldAtSet.self,
        FermataHandedOff.self, FermataForked.self, FermataImported.self, FermataChildLaunched.self,
        FermataCallGate.self, FermataBlob.self, FermataKeptBlob.self, FermataPutBlob.self, FermataPutBlobReply.self,
        FermataGetBlob.self, FermataGetBlobReply.self, FermataGetUsage.self, FermataGetUsageReply.self,
        FermataUsageRow.self,
    ]

    static let byName = Dictionary(uniqueKeysWithValues: types.map { ($0.protoMessageName, $0) })

    /// By the enum's name in the schema: a value's name in Swift, nil for numbers that the code does not know.
    static let enums: [String: @Sendable (Int) -> String?] = [
        "FrameType": name(FermataFrameType.self), "Status": name(FermataStatus.self),
        "HoldCause": name(FermataHoldCause.self), "LiftCause": name(FermataLiftCause.self),
        "Delivery": name(FermataDelivery.self), "AskKind": name(FermataAskKind.self),
        "Urgency": name(FermataUrgency.self), "AnswerForm": name(FermataAnswerForm.self),
        "AtDeadline": name(FermataAtDeadline.self), "Verdict": name(FermataVerdict.self),
        "AnswerVia": name(FermataAnswerVia.self), "Gate": name(FermataGate.self),
        "WhenUnknown": name(FermataWhenUnknown.self), "Scope": name(FermataScope.self),
        "CallState": name(FermataCallState.self), "CallOutcome": name(FermataCallOutcome.self),
        "CutCause": name(FermataCutCause.self), "Ending": name(FermataEnding.self),
        "HoldPoint.At": name(FermataHoldPoint.At.self),
        "TextDelta.Content": name(FermataTextDelta.Content.self), "ToolOrigin": name(FermataToolOrigin.self),
    ]

    private static func name<E: SwiftProtobuf.Enum & CaseIterable>(_: E.Type) -> @Sendable (Int) -> String? {
        { number in E.allCases.first { $0.rawValue == number }?.protocolName }
    }

    /// The requests that the control socket takes, by the number of their frame.
    static let requests: [UInt16: any ControlRequest.Type] = {
        let requests = types.compactMap { $0 as? any ControlRequest.Type }
        return Dictionary(uniqueKeysWithValues: requests.map { (UInt16($0.frameType.rawValue), $0) })
    }()

    /// `message Name {` and `enum Name {` with the lines up to the closing brace, as they are written. One inside of a
    /// message has that one's name before its own.
    static func blocks(_ keyword: String) throws -> [(name: String, lines: [Substring])] {
        var blocks: [(name: String, lines: [Substring])] = []
        var outer: Substring = ""
        var end: Substring?
        for line in try Repository.text("protocol/fermata.proto").split(separator: "\n") {
            let isNested = line.hasPrefix("  ")
            let words = line.split(separator: " ")
            if words.count == 3, words[2] == "{" {
                if !isNested { outer = words[1] }
                if words[0] == keyword {
                    blocks.append(((isNested ? "\(outer)." : "") + words[1], []))
                    end = isNested ? "  }" : "}"
                    continue
                }
            }
            if line == end {
                end = nil
            } else if end != nil {
                blocks[blocks.count - 1].lines.append(line)
            }
        }
        return blocks
    }
}
