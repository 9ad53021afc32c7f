internal import Tools

/// How the descriptors that the kernel lets the process have are divided, once, at its start.
///
/// Without a plan whoever comes first takes them all: 229 streams left none for the connection of the client that wanted
/// to interrupt them. So each kind of use has a ceiling of its own, and the ceilings together are less than the limit.
///
/// | use | descriptors | beyond its ceiling |
/// |---|---|---|
/// | the server itself: store, sockets, threads, what is open for a moment | `own` | – |
/// | connections of the control socket | 1 each | the one that is idle the longest is closed |
/// | connections of the event and text sockets | 1 each | newcomers are closed; they dial again |
/// | a model call | 4 until its connection is ready, then 1 | it waits |
/// | a tool's call | as its source says | it waits |
/// | a source's process that lasts longer than a call | 4 | its source ends another one, or the call |
/// | an attempt to deliver a webhook | 4 | it waits |
/// | idle connections to models' servers | 1 each | the oldest is closed |
struct DescriptorPlan: Sendable, Equatable {
    /// Of the process, as the kernel has it.
    let limit: Int
    let control: Int
    let subscribers: Int
    let effects: Int
    let longLived: Int
    let webhooks: Int
    let idle: Int

    /// Of a transfer whose connection is not ready: a name is being resolved (a thread's two, and the resolver's one), or
    /// two addresses are tried.
    static let connecting = 4
    /// What a server has open that does nothing: 27, and 4 of the thread that makes model calls. A test counts them.
    static let idleServer = 31
    /// With webhooks: their reader's, and those of their thread.
    static let ofWebhooks = 7
    /// What is open for a moment: three probes of the watchdog with both ends, two more at the start of a tool than it
    /// keeps, and one that counts descriptors. Tools and processes are started one at a time.
    static let margin = 9

    /// So many of the last descriptors only the control socket's listeners take, for whoever wants to interrupt.
    static let leftToControl = 4

    /// Reads that may wait at once: some connections are always left that can be closed for a newcomer.
    var waitingReads: Int { control * 3 / 4 }

    private static let least = (control: 6, subscribers: 2, effects: 4, webhooks: 4, idle: 1)

    /// How many processes may be there at once that last longer than a call.
    var longLivedProcesses: Int { longLived / LongLivedProcess.descriptors }

    /// - Parameter longLivedProcesses: that the sources of tools can use at once; they get fewer if descriptors are few.
    /// - Throws: `StartFailure` if there are too few to work with.
    init(limit: Int, hasWebhooks: Bool, longLivedProcesses: Int = 0) throws(StartFailure) {
        let starting = longLivedProcesses > 0 ? Self.startingLongLived : 0
        let own = Self.idleServer + Self.margin + (hasWebhooks ? Self.ofWebhooks : 0) + starting
        let (leastWebhooks, least) = (hasWebhooks ? Self.least.webhooks : 0, Self.least)
        let leastLongLived = longLivedProcesses > 0 ? LongLivedProcess.descriptors : 0
        let needed =
            own + least.control + least.subscribers + least.effects + leastWebhooks + least.idle + leastLongLived
        guard limit >= needed else {
            throw StartFailure(
                """
                the process may have \(limit) descriptors, and the service needs \(needed) at least: raise LimitNOFILE= \
                or ulimit -Hn
                """)
        }
        self.limit = limit
        // Whole processes, and not more than an eighth: most of what goes on are calls.
        let wanted = min(longLivedProcesses, limit) * LongLivedProcess.descriptors
        let allowed = (limit - own) / 8 / LongLivedProcess.descriptors * LongLivedProcess.descriptors
        longLived = min(wanted, max(leastLongLived, allowed))
        let rest = limit - own - longLived
        control = max(least.control, rest / 4)
        subscribers = max(least.subscribers, rest / 6)
        webhooks = hasWebhooks ? min(max(leastWebhooks, rest / 12), Self.connecting * Self.mostAttempts) : 0
        idle = min(max(least.idle, rest / 16), Self.mostIdle)
        effects = rest - control - subscribers - webhooks - idle
    }

    /// What the start of a process that lasts takes for a moment, beyond `margin`.
    private static let startingLongLived = 2

    /// Of webhooks, at once: more than this is of no use.
    private static let mostAttempts = 256
    private static let mostIdle = 512
}
