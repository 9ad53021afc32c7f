internal import Curl
internal import FermataCore
internal import FermataProtocol
internal import Journal
internal import Logging
internal import RunRows
internal import Synchronization
internal import Threads

/// Delivers the messages of the outbox: at least once, those of one run to one endpoint in order.
///
/// A thread of its own reads what is due and has curl send it; what became of it goes to the loop, which writes it, and
/// only what is written counts. So an attempt that was going on when the process ended is made again. Each endpoint has
/// places of its own: one that hangs holds back nobody else.
///
/// Everything but `inbox`, `messages` and `settle` is touched by that thread alone, which is why the class may cross
/// threads.
final class Webhooks: @unchecked Sendable {
    private enum Item: Sendable {
        case written
        case ended(WebhookAttempt)
        case settled([OutboxOutcome])
        case stop
    }

    /// One endpoint's deliveries.
    private final class Lane {
        let endpoint: WebhookEndpoint
        /// From the start of an attempt until its outcome is written.
        var inFlight: Set<OutboxKey> = []
        /// When there may be something due, µs of the steady clock.
        var looksAt: Int64 = 0
        var isFailing = false
        /// Since when it waits because all endpoints together have as many attempts as they may, µs.
        var waitsSince: Int64?

        init(_ endpoint: WebhookEndpoint) { self.endpoint = endpoint }
    }

    /// Attempts that one endpoint may have at once.
    private static let attemptsAtOnce = 8
    /// The machine may sleep, while threads' clock stands: times are looked at again after so long, in µs.
    private static let longestSleep: Int64 = 60 * 1_000_000
    private static let userAgent = "fermata/\(FermataRelease.version)"

    let messages: WebhookMessages
    private let askTokens: AskTokens
    private let inbox = Mailbox<Item>()
    private let logger: Logger
    /// Attempts that all endpoints may have at once, for want of descriptors.
    private let mostAttempts: Int
    private var attempts = 0
    private var lanes: [String: Lane] = [:]
    private var session: CurlSession?
    private var reader: (any JournalReading)?
    private var settle: @Sendable (OutboxOutcome) -> Void = { _ in }

    /// - Parameter descriptors: that all attempts may have together; at least those of one, if there are endpoints.
    init(_ endpoints: [WebhookEndpoint], askTokens: AskTokens, descriptors: Int, logger: Logger) {
        mostAttempts = descriptors / DescriptorPlan.connecting
        messages = WebhookMessages(endpoints: endpoints)
        self.askTokens = askTokens
        self.logger = logger
    }

    private var isWanted: Bool { !messages.endpoints.isEmpty }

    /// Starts delivering, first what is there from before. Without endpoints there is no thread.
    ///
    /// - Parameter settle: takes what became of an attempt, for the loop to write; any thread.
    func start(
        openReader: @escaping @Sendable () throws -> any JournalReading,
        settle: @escaping @Sendable (OutboxOutcome) -> Void
    ) throws {
        guard isWanted else { return }
        session = try CurlSession(idleConnections: mostAttempts)
        self.settle = settle
        for endpoint in messages.endpoints { lanes[endpoint.name] = Lane(endpoint) }
        startThread("fermata-hooks") { [self] in
            do { reader = try openReader() } catch {
                die(logger, "the journal cannot be opened for reading", error)
            }
            warnOfUnknownAgents()
            main()
        }
    }

    /// An agent may be stored later; but one whose name is mistyped never has a run.
    private func warnOfUnknownAgents() {
        for endpoint in messages.endpoints {
            for agent in endpoint.agents.sorted() where agent != "default" && (try? reader?.agent(agent)) == .some(nil)
            {
                logger.warning(
                    "a webhook is for an agent that is not stored",
                    metadata: ["endpoint": "\(endpoint.name)", "agent": "\(agent)"])
            }
        }
    }

    /// New messages are in the journal.
    func written() { if isWanted { inbox.put(.written) } }

    /// These outcomes are in the journal.
    func settled(_ outcomes: [OutboxOutcome]) { if isWanted { inbox.put(.settled(outcomes)) } }

    /// Starts no more attempts, and cuts those that are going on: they are made again after the next start.
    func stop() { if isWanted { inbox.put(.stop, isUrgent: true) } }

    private func main() {
        while true {
            // Who waits the longest for the others' ends comes first.
            let ready = lanes.values.filter { $0.looksAt <= Clock.steady }
            for lane in ready.sorted(by: { $0.waitsSince ?? .max < $1.waitsSince ?? .max }) { fill(lane) }
            let next = lanes.values.map(\.looksAt).min() ?? .max
            let sleep = min(max(0, next - Clock.steady), Self.longestSleep)
            for item in inbox.take(until: Clock.monotonic + sleep, atMost: 1024) {
                switch item {
                case .written: for lane in lanes.values { lane.looksAt = 0 }
                case .ended(let attempt):
                    attempts -= 1
                    for lane in lanes.values where lane.waitsSince != nil { lane.looksAt = 0 }
                    end(attempt)
                case .settled(let outcomes):
                    for outcome in outcomes {
                        lanes[outcome.key.endpoint]?.inFlight.remove(outcome.key)
                        lanes[outcome.key.endpoint]?.looksAt = 0
                    }
                case .stop:
                    session?.close()
                    return
                }
            }
        }
    }

    /// Starts what is due as far as there are places.
    private func fill(_ lane: Lane) {
        // Where descriptors are few, each endpoint still has its part of them.
        let most = min(Self.attemptsAtOnce, max(1, mostAttempts / lanes.count))
        guard let reader, lane.inFlight.count < most else {
            // The end of one looks again.
            lane.looksAt = .max
            return
        }
        let now = Clock.steady
        guard attempts < mostAttempts else {
            lane.looksAt = .max
            lane.waitsSince = lane.waitsSince ?? now
            return
        }
        lane.waitsSince = nil
        do {
            // Those in flight are still due in the journal.
            let due = try reader.dueMessages(to: lane.endpoint.name, through: now, limit: Self.attemptsAtOnce)
            for row in due where lane.inFlight.count < most {
                guard attempts < mostAttempts else { break }
                guard lane.inFlight.insert(row.key).inserted else { continue }
                attempts += 1
                start(row, lane.endpoint, reader)
            }
            lane.looksAt = try reader.nextMessageDue(to: lane.endpoint.name, after: now) ?? .max
            if attempts == mostAttempts { lane.waitsSince = now }
        } catch { die(logger, "the journal cannot be read", error) }
    }

    private func start(_ row: OutboxRow, _ endpoint: WebhookEndpoint, _ reader: any JournalReading) {
        let body: WebhookBody
        do {
            body = try WebhookBody(row, from: reader, withCheckpoint: endpoint.wantsCheckpoint) {
                [askTokens] run, ask in
                guard !endpoint.gatewayURL.isEmpty else { return nil }
                return "\(endpoint.gatewayURL)/answers/\(askTokens.token(run: run, ask: ask))"
            }
        } catch {
            // It is damaged in the store, and no better at the next attempt.
            logger.error(
                "a webhook's message cannot be made",
                metadata: ["endpoint": "\(endpoint.name)", "run": "\(RunID(row.key.run))", "error": "\(error)"])
            inbox.put(.ended(WebhookAttempt(row: row, ending: .missing)))
            return
        }
        // By it the receiver tells an old message from a new one: it is people's.
        let timestamp = Clock.now / 1_000_000
        let request = CurlRequest(
            url: endpoint.url, method: "POST",
            headers: [
                ("Content-Type", "application/json"), ("User-Agent", Self.userAgent), ("webhook-id", body.id),
                ("webhook-timestamp", "\(timestamp)"),
                (
                    "webhook-signature",
                    endpoint.secret.signature(id: body.id, timestamp: timestamp, body: body.bytes)
                ),
            ],
            body: [BodyPiece(body.bytes)],
            timeouts: CurlTimeouts(
                connect: min(endpoint.timeout, .seconds(10)), firstByte: endpoint.timeout, silence: endpoint.timeout,
                total: endpoint.timeout),
            maximumBodyBytes: 64 << 10)
        let head = Mutex<WebhookAttempt.Ending?>(nil)
        session?.start(
            request,
            onResponse: { response, _ in
                let ending = WebhookAttempt.Ending.answered(
                    status: response.status, retryAfter: Self.retryAfter(response))
                head.withLock { $0 = ending }
            },
            onEnd: { [inbox] result in
                // The status is all that counts: what comes after it, or does not, changes nothing.
                if let ending = head.withLock({ $0 }) {
                    inbox.put(.ended(WebhookAttempt(row: row, ending: ending)))
                } else if case .failure(let error) = result, error.kind != .closed {
                    inbox.put(.ended(WebhookAttempt(row: row, ending: .failed(error.kind))))
                }
            })
    }

    /// `Retry-After` in seconds, as µs; a date is not read.
    private static func retryAfter(_ response: CurlResponse) -> Int64? {
        response.header("Retry-After").flatMap { Int64($0) }.map { min(max(0, $0), 1 << 32) * 1_000_000 }
    }

    private func end(_ attempt: WebhookAttempt) {
        guard let lane = lanes[attempt.row.key.endpoint] else { return }
        let result = attempt.result(retries: lane.endpoint.retries, now: Clock.steady)
        say(attempt, result, lane)
        settle(OutboxOutcome(key: attempt.row.key, result: result))
    }

    /// One line when an endpoint begins to fail, and when it is back; one for each message that is given up.
    private func say(_ attempt: WebhookAttempt, _ result: OutboxOutcome.Result, _ lane: Lane) {
        var metadata: Logger.Metadata = [
            "endpoint": "\(lane.endpoint.name)", "run": "\(RunID(attempt.row.key.run))",
            "seq": "\(attempt.row.key.seq)", "attempt": "\(attempt.row.attempts + 1)",
        ]
        switch attempt.ending {
        case .answered(let status, _): metadata["http_status"] = "\(status)"
        case .failed(let kind): metadata["error"] = "\(kind.rawValue)"
        case .missing: break
        }
        if attempt.isDelivered {
            logger.debug("a webhook's message was delivered", metadata: metadata)
            if lane.isFailing { logger.info("a webhook's endpoint is back", metadata: metadata) }
        } else if case .givenUp = result {
            logger.error("a webhook's message was given up", metadata: metadata)
        } else if !lane.isFailing {
            logger.warning("a webhook's endpoint fails: its messages are tried again", metadata: metadata)
        }
        lane.isFailing = !attempt.isDelivered
    }
}
