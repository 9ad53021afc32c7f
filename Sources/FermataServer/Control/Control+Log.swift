internal import FermataProtocol
internal import Logging
internal import SwiftProtobuf

extension Control {
    /// What is said in the log of a frame's answer: mistakes of the server's as errors; commands at debug, with their
    /// run and request, accepted or refused. Nothing of what they carry: that is for the journal.
    func logged(_ frame: Frame, _ complete: @escaping Exchange.Completion) -> Exchange.Completion {
        let isTold = FrameKind.of(frame.type)?.effect == .command && logger.logLevel <= .debug
        return { [logger] result in
            if case .failure(let refusal) = result, refusal.code == .internalError {
                logger.error(
                    "a request failed: \(refusal.message)", metadata: Control.metadata(of: frame, result))
            } else if isTold {
                logger.debug("command", metadata: Control.metadata(of: frame, result))
            }
            complete(result)
        }
    }

    private static func metadata(of frame: Frame, _ result: Result<[UInt8], Refusal>) -> Logger.Metadata {
        let kind = FrameKind.of(frame.type)
        var metadata: Logger.Metadata = ["type": "\(kind?.type.protocolName ?? String(frame.type))"]
        // Every command has its request's id under this number, and every one on a run the run under that.
        if kind?.effect == .command, let command = try? FermataStop(serializedBytes: frame.body) {
            metadata["request"] = "\(command.requestID)"
            if kind?.namesRun == true { metadata["run"] = "\(command.run)" }
        }
        switch result {
        case .success(let bytes):
            metadata["outcome"] = "accepted"
            if kind?.replyName == "CommandReply", let reply = try? FermataCommandReply(serializedBytes: bytes),
                !reply.run.id.isEmpty
            {
                metadata["run"] = "\(reply.run.id)"
            }
        case .failure(let refusal): metadata["outcome"] = "\(refusal.code)"
        }
        return metadata
    }
}
