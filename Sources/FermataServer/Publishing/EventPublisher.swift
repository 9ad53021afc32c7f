internal import FermataCore
internal import FermataProtocol
internal import NNG
internal import RunRows
internal import SwiftProtobuf

/// The `events` socket: events, status changes and ticks, in the order of the journal.
///
/// Used by the loop's thread alone, which is why it may cross threads.
final class EventPublisher: @unchecked Sendable {
    private let socket: PublishSocket
    private let instance: String
    private var statusNumber: UInt64 = 0
    var lastOffset: UInt64 = 0

    init(socket: PublishSocket, instance: String) {
        self.socket = socket
        self.instance = instance
    }

    func publish(_ events: [Batch.Event], statusChanges: [StatusChange]) {
        guard socket.connections > 0 else {
            // Nothing is put together for nobody. Who connects just now is told by the next tick what it has missed.
            lastOffset = events.last?.event.offset ?? lastOffset
            statusNumber += UInt64(statusChanges.count)
            return
        }
        for written in events {
            let (run, event) = (written.run, written.event)
            lastOffset = event.offset
            var body: [UInt8] = try! event.serializedBytes()
            if body.count > Configuration.maximumPublishedBytes { body = try! event.truncatedEvent.serializedBytes() }
            socket.publish(Topic.event, run, Frame(type: UInt16(FermataFrameType.event.rawValue), body: body))
        }
        for change in statusChanges {
            statusNumber += 1
            var summary = change.after.run.summary
            summary.lastMessage = ""
            let message = FermataStatusChanged.with {
                $0.instance = instance
                $0.number = statusNumber
                $0.run = summary
                $0.before = change.before
            }
            socket.publish(Topic.status, change.after.id, .statusChanged, message)
        }
    }

    func tick(now: Int64) {
        let message = FermataTick.with {
            $0.instance = instance
            $0.nowAt = now
            $0.lastOffset = lastOffset
            $0.lastStatusNumber = statusNumber
        }
        guard let id = RunID(instance) else { return }
        socket.publish(Topic.tick, id, .tick, message)
    }
}

extension PublishSocket {
    /// Sends a topic of 17 bytes and one frame. A subscriber whose queue is full misses it, and reads it later.
    func publish(_ topic: UInt8, _ run: RunID, _ type: FermataFrameType, _ message: some SwiftProtobuf.Message) {
        publish(topic, run, Frame(type: UInt16(type.rawValue), body: try! message.serializedBytes()))
    }

    func publish(_ topic: UInt8, _ run: RunID, _ frame: Frame) {
        var bytes = [topic] + run.bytes
        frame.encode(into: &bytes)
        try? send(bytes)
    }
}

extension FermataEvent {
    /// The event as it is published if it is larger than what the sockets carry: without its large fields.
    var truncatedEvent: FermataEvent {
        var small = self
        small.truncated = true
        switch kind {
        case .launched(var launched):
            launched.systemPrompt = ""
            launched.tools = []
            launched.policy = .init()
            small.kind = .launched(launched)
        case .messageQueued(var message):
            message.text = ""
            message.blocks = []
            small.kind = .messageQueued(message)
        case .modelAnswered(var answer):
            answer.text = ""
            answer.blocks = []
            for index in answer.calls.indices { answer.calls[index].arguments = "" }
            small.kind = .modelAnswered(answer)
        case .modelCut(var cut):
            cut.text = ""
            cut.blocks = []
            small.kind = .modelCut(cut)
        case .modelFailed(var failed):
            failed.text = ""
            failed.blocks = []
            small.kind = .modelFailed(failed)
        case .callEnded(var ended):
            ended.output = ""
            ended.blocks = []
            small.kind = .callEnded(ended)
        case .callLost(var lost):
            lost.output = ""
            small.kind = .callLost(lost)
        case .askOpened(var ask):
            ask.question = ""
            ask.context = ""
            ask.arguments = ""
            ask.defaultAnswer = ""
            ask.format = .init()
            small.kind = .askOpened(ask)
        case .askAnswered(var answer):
            answer.text = ""
            answer.arguments = ""
            small.kind = .askAnswered(answer)
        case .callEdited(var edited):
            edited.arguments = ""
            small.kind = .callEdited(edited)
        case .policySet: small.kind = .policySet(.init())
        default: break
        }
        return small
    }
}
