internal import FermataProtocol
internal import Logging
internal import SwiftProtobuf

extension Control {
    /// What is said in the log of a frame's answer: mistakes of the server's as errors; commands at debug, with their
    /// run and request, accepted or refused. Nothing of what they carry: that is for the journal.
    func logged(_ frame: Frame, _ complete: @escaping Exchange.Completion) -> Exchange.Completion {
        let logger = loop.logger
        let isCommand = FermataFrameType(rawValue: Int(frame.type))?.isCommand ?? false
        let isTold = isCommand && logger.logLevel <= .debug
        return { result in
            if case .failure(let refusal) = result, refusal.code == .internalError {
                logger.error(
                    "a request failed: \(refusal.message)", metadata: Control.metadata(of: frame, result))
            } else if isTold {
                logger.debug("command", metadata: Control.metadata(of: frame, result))
            }
            complete(result)
        }
    }

    /// Commands that name no run, and have another reply.
    private static let withoutRun: Set<FermataFrameType?> = [.putAgent, .createToken, .revokeToken]

    private static func metadata(of frame: Frame, _ result: Result<[UInt8], Refusal>) -> Logger.Metadata {
        let type = FermataFrameType(rawValue: Int(frame.type))
        var metadata: Logger.Metadata = ["type": "\(type?.protocolName ?? String(frame.type))"]
        // Every command on a run has these fields under these numbers, Launch and PutAgent the first of them.
        if type?.isCommand == true, let command = try? FermataStop(serializedBytes: frame.body) {
            metadata["request"] = "\(command.requestID)"
            if type != .launch, !withoutRun.contains(type) { metadata["run"] = "\(command.run)" }
        }
        switch result {
        case .success(let bytes):
            metadata["outcome"] = "accepted"
            if !withoutRun.contains(type), let reply = try? FermataCommandReply(serializedBytes: bytes) {
                metadata["run"] = "\(reply.run.id)"
            }
        case .failure(let refusal): metadata["outcome"] = "\(refusal.code)"
        }
        return metadata
    }
}
