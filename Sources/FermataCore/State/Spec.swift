public import FermataProtocol
internal import SwiftProtobuf

extension Run {
    /// What the run is: as it was launched, and as people have set it since.
    public struct Spec: Sendable, Equatable {
        public private(set) var agent = ""
        /// That is asked.
        public private(set) var model = ""
        /// Of the model's server; empty: the one that the server's own settings name.
        public private(set) var baseURL = ""
        /// As it was launched, or as people have set it since.
        private(set) var ownModel = ""
        private(set) var ownBaseURL = ""
        /// Asked in this order when the one before has failed.
        private(set) var fallbackModels: [String] = []
        /// Which of these is asked, from 1; 0: none, but its own.
        private(set) var fallback = 0
        /// A longer wait that a provider wants is asked about, ms; 0: none is.
        private(set) var patienceMs: UInt32 = 0
        public private(set) var systemPrompt = ""
        public private(set) var workspace = ""
        /// The workspace was made for this run.
        public private(set) var ownsWorkspace = false
        public private(set) var tools: [FermataToolSpec] = []
        public private(set) var labels: [FermataLabelEntry] = []
        public private(set) var modelOptions = FermataModelOptions()
        /// Tries of one model call whose failure is retryable.
        private(set) var modelAttempts: UInt32 = 1
        /// When calls may start.
        public private(set) var policy = FermataPolicy()
        /// Where the run holds by itself.
        public private(set) var holdAt = FermataHoldPoint.At.none
        /// Where each tool is in `tools`.
        private var places: [String: Int] = [:]

        init() {}

        /// The tool of this name; nil: the run has none.
        public func tool(_ name: String) -> FermataToolSpec? { places[name].map { tools[$0] } }

        /// Who executes calls of this tool. Of one that the run does not have, no call ever starts.
        func origin(of tool: String) -> FermataToolOrigin { self.tool(tool)?.resolvedOrigin ?? .builtIn }

        /// What is to be asked when the model that is asked now has failed; nil: nothing is left.
        var nextFallback: FermataModelSet? {
            let next = fallbackModels.indices.first { $0 >= fallback && fallbackModels[$0] != model }
            return next.map { index in
                .with {
                    $0.model = fallbackModels[index]
                    $0.fallback = UInt32(index + 1)
                }
            }
        }

        /// Its own model again.
        var returning: FermataModelSet {
            .with {
                $0.model = ownModel
                $0.baseURL = ownBaseURL
                $0.fallback = 0
            }
        }

        mutating func launch(_ launched: FermataLaunched) {
            agent = launched.agent
            model = launched.model
            ownModel = launched.model
            fallbackModels = launched.fallbackModels
            patienceMs = launched.patienceMs
            systemPrompt = launched.systemPrompt
            workspace = launched.workspace
            ownsWorkspace = launched.ownWorkspace
            setTools(launched.tools)
            labels = launched.labels
            modelOptions = launched.modelOptions
            modelAttempts = max(1, launched.modelAttempts)
            policy = launched.policy
            holdAt = launched.holdAt == .selection ? .selection : .none
        }

        mutating func set(_ policy: FermataPolicy) { self.policy = policy }

        mutating func set(_ holdAt: FermataHoldPoint.At) { self.holdAt = holdAt }

        mutating func set(_ model: FermataModelSet) {
            self.model = model.model
            baseURL = model.baseURL
            fallback = Int(model.fallback)
            if !model.hasFallback { (ownModel, ownBaseURL) = (model.model, model.baseURL) }
        }

        /// The run is somewhere else than it was.
        mutating func arrive(in workspace: String, isOwn: Bool) {
            guard !workspace.isEmpty else { return }
            self.workspace = workspace
            ownsWorkspace = isOwn
        }

        private mutating func setTools(_ tools: [FermataToolSpec]) {
            self.tools = tools
            places = Dictionary(zip(tools.map(\.name), tools.indices)) { first, _ in first }
        }
    }
}

// MARK: - Snapshot

extension Run.Spec {
    init(_ snapshot: SnapshotSpec) {
        agent = snapshot.agent
        model = snapshot.model
        baseURL = snapshot.baseURL
        ownModel = snapshot.ownModel
        ownBaseURL = snapshot.ownBaseURL
        fallbackModels = snapshot.fallbackModels
        fallback = Int(snapshot.fallback)
        patienceMs = snapshot.patienceMs
        systemPrompt = snapshot.systemPrompt
        workspace = snapshot.workspace
        ownsWorkspace = snapshot.ownsWorkspace
        labels = snapshot.labels
        modelOptions = snapshot.modelOptions
        modelAttempts = snapshot.modelAttempts
        policy = snapshot.policy
        holdAt = snapshot.holdAt
        setTools(snapshot.tools)
    }

    var snapshot: SnapshotSpec {
        .with {
            $0.agent = agent
            $0.model = model
            $0.baseURL = baseURL
            $0.ownModel = ownModel
            $0.ownBaseURL = ownBaseURL
            $0.fallbackModels = fallbackModels
            $0.fallback = UInt32(fallback)
            $0.patienceMs = patienceMs
            $0.systemPrompt = systemPrompt
            $0.workspace = workspace
            $0.ownsWorkspace = ownsWorkspace
            $0.tools = tools
            $0.labels = labels
            $0.modelOptions = modelOptions
            $0.modelAttempts = modelAttempts
            $0.policy = policy
            $0.holdAt = holdAt
        }
    }
}
