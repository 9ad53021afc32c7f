internal import FermataCore
public import Models
internal import Secrets
internal import Tools

/// What a server is started with.
public struct Configuration: Sendable {
    /// The directory that holds the store, the lock and, unless told otherwise, the sockets and workspaces.
    public var directory: String
    public var controlURL: String
    public var eventsURL: String
    public var textURL: String
    public var durability: Durability = .full
    /// Values of LLM_MODEL, LLM_BASE_URL, LLM_API_KEY and of the providers' own variables.
    public var models: ModelEnvironment
    /// What tools inherit, less the secrets in it.
    public var environment: [String: String]
    /// Other values than those of `models` and `environment` that nobody outside may be shown.
    public var secrets: [String] = []
    public var prices: Prices
    /// How long a model's server may send nothing, before its first byte and between two.
    public var modelSilence: Duration = .seconds(120)
    /// Who is sent messages of what runs do; their names differ.
    public var webhooks: [WebhookEndpoint] = []
    /// Path of the supervisor that tools run under; nil: beside the server's own executable.
    public var supervisor: String?

    public enum Durability: Sendable {
        /// A command is answered when the disk has it.
        case full
        /// A command is answered when the kernel has it: a power cut may lose the last ones.
        case normal
    }

    public init(directory: String, environment: [String: String], prices: Prices) {
        self.directory = directory
        controlURL = "ipc://\(directory)/control.sock"
        eventsURL = "ipc://\(directory)/events.sock"
        textURL = "ipc://\(directory)/text.sock"
        models = ModelEnvironment(environment)
        self.environment = environment
        self.prices = prices
    }

    /// What is masked in everything that comes from outside: from models and their servers, tools and workers.
    var allSecrets: SecretTable {
        SecretTable(CommandEnvironment(inheriting: environment).secrets + models.secrets + secrets)
    }

    /// Contexts of the control socket: requests in progress at once.
    static let contexts = 256
    /// Of these, the most that may be taken by waiting reads.
    static let waitingReads = 192
    /// Of these, those that are kept for what passes everything: Pause, Interrupt, Stop, Hello, Stats.
    static let reservedContexts = 16
    /// The most that one connection may take.
    static let contextsOfOneConnection = 64
    /// The most that requests in progress and their replies, as far as they are made, may have together, in bytes.
    static let bytesInProgress = 64 << 20
    /// Pages of lists or events that wait to be read.
    static let waitingPages = 128
    static let maximumWaitMilliseconds: UInt32 = 25_000
    /// Of a worker's call, as StartCall and ExtendCall can ask for, ms.
    static let leases: ClosedRange<UInt32> = 1_000...600_000
    /// µs.
    static let defaultLease: Int64 = 30_000_000
    /// A provider that is limited for a minute or two is waited for; one that wants more is a matter for people, or for
    /// another model.
    static let defaultPatienceMilliseconds: UInt32 = 600_000
    /// Tries of a model call of a run that says nothing of it: a model's server that restarts fails no run.
    static let defaultModelAttempts: UInt32 = 3
    /// Of the output that a worker sends along while it executes a call, what is kept in case that it is interrupted.
    static let workerOutputBytes = 64 << 10
    /// Calls that one TakeCalls is offered.
    static let offersAtOnce = 32
    /// The most that the name of a worker may have, in bytes.
    static let maximumNameBytes = 256
    /// The most that the tools of one run or one command may have, all together and encoded, in bytes.
    static let maximumToolBytes = 1 << 20
    static let maximumPublishedBytes = 16 << 10
    static let maximumFrames = 256
    /// A page of a list or of events ends after so many bytes.
    static let pageBytes = 2 << 20
    /// By how much a turn of the loop may be late, µs, and by how much before everybody's time begins anew.
    static let lateness: Int64 = 10_000
    static let standstill: Int64 = 250_000
    /// How long what was sent meanwhile may take until it is here, µs, after a turn that was late or a standstill.
    static let shortHearing: Int64 = 50_000
    static let hearing: Int64 = 1_000_000
    /// How often that is granted after standstills that follow each other within `hearing` of the loop's own time.
    static let hearingsInARow = 10
    /// Inputs that the loop decides before it commits.
    static let batchLimit = 1024
    /// And of how many bytes they may be: whoever interrupts waits for two commits at most, and one of 64 MB takes a second.
    static let batchBytes = 4 << 20
    /// The most that `by` and `reason` may have, each, and all labels together, in bytes.
    static let maximumNoteBytes = 4 << 10
    /// The most that one message's text may have, in bytes.
    static let maximumTextBytes = 1 << 20
    /// The most that a model may answer at once, in bytes: its event has to fit into a message.
    static let maximumAnswerBytes = 2 << 20
    /// How long a run that nothing goes on of stays in memory after it was touched, µs, and the most that all of them may
    /// have together, in bytes: after this they cost nothing, and before it no more than that.
    static let recentRunTime: Int64 = 10_000_000
    static let recentRunBytes = 4 << 20

    /// Encoded history that is kept for the next model calls of all runs together, in bytes.
    static let historyBytes = 64 << 20

    /// Where whoever runs the server is let in without a token, if `controlURL` is on a network.
    var localURL: String? { controlURL.hasPrefix("ipc://") ? nil : "ipc://\(directory)/control.sock" }

    static let builtInPrompt = """
        You are an agent that works on a Linux machine with the tools you are given. Use them to do what the user \
        asks, check the result, and answer briefly when you are done. Commands run in your workspace directory. Ask \
        a person with \(CoreTool.askHuman.name) only when you cannot decide something yourself.
        """
}
