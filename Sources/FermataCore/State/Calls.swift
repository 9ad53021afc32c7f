public import FermataProtocol
internal import SwiftProtobuf

extension Run {
    /// One tool call of the current step.
    public struct Call: Sendable, Equatable {
        public let number: UInt32
        public let tool: String
        public let modelID: String
        /// The model's exact JSON text; empty once the call has its result.
        public fileprivate(set) var arguments: String
        public fileprivate(set) var state: FermataCallState = .selected
        public fileprivate(set) var outcome: FermataCallOutcome = .unspecified
        /// Counts its starts.
        public fileprivate(set) var attempt: UInt32 = 0
        public fileprivate(set) var ask: UInt32 = 0
        /// The worker that has it, or had it last; empty: none.
        public fileprivate(set) var worker = ""
        /// What the policy says of it.
        public fileprivate(set) var gate = FermataGate.allow
        /// A person let exactly these arguments run.
        public fileprivate(set) var isApproved = false
        /// A person was asked about it: only a person's answer lets it run, whatever the policy says since.
        public fileprivate(set) var isGated = false
        /// The arguments are not the model's.
        public fileprivate(set) var isEdited = false
        /// It may execute beside its neighbours that may as well.
        public let isParallel: Bool
        /// Who executes it: its tool's origin.
        public let origin: FermataToolOrigin

        /// Nothing but its turn and a hold keep it from starting.
        var isFree: Bool { state == .selected && gate != .deny && (isApproved || gate == .allow && !isGated) }

        /// Whether what the policy says of it may have to be acted upon.
        fileprivate var isUnjudged: Bool { state == .selected && !isFree || state == .asking && gate == .deny }

        /// SHA-256 of the arguments, in hexadecimal: what an approval names.
        public var argumentsDigest: String { arguments.sha256Hexadecimal }

        /// What is to be going on while it is started.
        public var effect: Effect {
            origin == .worker ? .lease(call: number, attempt: attempt) : .tool(call: number, attempt: attempt)
        }
    }

    /// The calls of the current step, in the order in which the model chose them.
    public struct Calls: Sendable, Equatable, RandomAccessCollection {
        private var list: [Call] = []
        /// Calls that have their result, but whose processes are still being killed.
        private(set) var killing: Set<Effect> = []
        /// Calls that the model has chosen so far: they are numbered from 1.
        public private(set) var last: UInt32 = 0
        /// Of `list`: those that have no result, execute, wait for an answer, are to be judged.
        private(set) var open = 0
        private(set) var started = 0
        private(set) var asking = 0
        private(set) var unjudged = 0
        /// The place of the first that has no result.
        private var firstOpen = 0

        init() {}

        public var startIndex: Int { 0 }
        public var endIndex: Int { list.count }
        public subscript(index: Int) -> Call { list[index] }

        /// The call of this number, if it is of this step.
        public subscript(number number: UInt32) -> Call? { place(of: number).map { list[$0] } }

        /// Those that have no result.
        var unended: some Sequence<Call> { list[firstOpen...].lazy.filter { $0.state != .ended } }

        /// The place of a call among those of its step.
        func place(of number: UInt32) -> Int? {
            guard let first = list.first?.number, number >= first, number - first < UInt32(clamping: list.count),
                list[Int(number - first)].number == number
            else { return nil }
            return Int(number - first)
        }

        /// Calls whose turn it is: a call starts when all before it have results; parallel ones do not wait for each
        /// other. One pass, however many calls a model chooses.
        ///
        /// - Parameter body: false ends it.
        func forEachStartable(_ body: (Call) -> Bool) {
            var isFirst = true
            for call in unended {
                if call.isFree, isFirst || call.isParallel, !body(call) { return }
                guard call.isParallel else { return }
                isFirst = false
            }
        }

        // MARK: Events

        /// A step begins.
        mutating func clear() {
            list = []
            count()
        }

        mutating func apply(_ answer: FermataModelAnswered, _ spec: Spec) {
            list = answer.calls.map { selected in
                let tool = spec.tool(selected.tool)
                var call = Call(
                    number: selected.number, tool: selected.tool, modelID: selected.modelID,
                    arguments: selected.arguments, isParallel: tool?.parallel ?? false,
                    origin: spec.origin(of: selected.tool))
                call.judge(selected.gate, spec.policy)
                return call
            }
            last = Swift.max(last, answer.calls.map(\.number).max() ?? 0)
            count()
        }

        mutating func apply(_ started: FermataCallStarted) {
            change(started.number) {
                $0.state = .started
                $0.attempt = started.attempt
                $0.worker = started.worker
            }
        }

        mutating func apply(_ lost: FermataCallLost) { change(lost.number) { $0.state = .selected } }

        mutating func apply(_ ended: FermataCallEnded) {
            change(ended.number) {
                $0.state = .ended
                $0.outcome = ended.outcome
                $0.arguments = ""
            }
            if ended.killing { killing.insert(.tool(call: ended.number, attempt: ended.attempt)) }
        }

        mutating func apply(_ gone: FermataCallGone) {
            killing.remove(.tool(call: gone.number, attempt: gone.attempt))
        }

        mutating func ask(_ ask: FermataAskOpened) {
            change(ask.call) {
                $0.state = .asking
                $0.ask = ask.number
                if ask.kind == .approval { $0.isGated = true }
            }
        }

        /// It asks no more.
        mutating func select(_ number: UInt32, isApproved: Bool = false) {
            change(number) {
                $0.state = .selected
                if isApproved { $0.isApproved = true }
            }
        }

        mutating func edit(
            _ number: UInt32, _ arguments: String, isApproved: Bool, _ gate: FermataGate, _ policy: FermataPolicy
        ) {
            change(number) {
                $0.arguments = arguments
                $0.isEdited = true
                $0.isApproved = isApproved
                if $0.state == .asking { $0.state = .selected }
                $0.judge(gate, policy)
            }
        }

        /// The policy is another.
        mutating func judge(_ set: FermataPolicySet) {
            let gates = Dictionary(set.gates.map { ($0.number, $0.gate) }) { first, _ in first }
            for index in list.indices where list[index].state != .ended {
                list[index].judge(gates[list[index].number] ?? .unspecified, set.policy)
            }
            count()
        }

        /// It was another run's call that someone let run, once.
        mutating func forgetApprovals() {
            for index in list.indices { list[index].isApproved = false }
            count()
        }

        // MARK: Counting

        private mutating func change(_ number: UInt32, _ body: (inout Call) -> Void) {
            guard let place = place(of: number) else { return }
            tally(list[place], -1)
            body(&list[place])
            tally(list[place], 1)
            if list[place].state != .ended { firstOpen = Swift.min(firstOpen, place) }
            skipEnded()
        }

        private mutating func count() {
            (open, started, asking, unjudged, firstOpen) = (0, 0, 0, 0, 0)
            for call in list { tally(call, 1) }
            skipEnded()
        }

        private mutating func tally(_ call: Call, _ number: Int) {
            if call.state != .ended { open += number }
            if call.state == .started { started += number }
            if call.state == .asking { asking += number }
            if call.isUnjudged { unjudged += number }
        }

        private mutating func skipEnded() {
            while firstOpen < list.count, list[firstOpen].state == .ended { firstOpen += 1 }
        }
    }
}

extension Run.Call {
    /// - Parameter verdict: what the event says that the policy says. Events from before that was written down say
    ///   nothing: of them it is looked up as it was then.
    fileprivate mutating func judge(_ verdict: FermataGate, _ policy: FermataPolicy) {
        gate = verdict == .unspecified ? policy.gateOfOldEvent(tool: tool, arguments: arguments) : verdict
    }
}

// MARK: - Snapshot

extension Run.Calls {
    init(_ snapshot: SnapshotCalls, _ spec: Run.Spec) {
        list = snapshot.calls.map { Run.Call($0, spec) }
        killing = Set(snapshot.killing.map { .tool(call: $0.call, attempt: $0.attempt) })
        last = snapshot.last
        count()
    }

    var snapshot: SnapshotCalls {
        .with {
            $0.calls = list.map(\.snapshot)
            for case .tool(let call, let attempt) in killing {
                $0.killing.append(
                    .with {
                        $0.call = call
                        $0.attempt = attempt
                    })
            }
            $0.killing.sort { ($0.call, $0.attempt) < ($1.call, $1.attempt) }
            $0.last = last
        }
    }
}

extension Run.Call {
    fileprivate init(_ call: SnapshotCall, _ spec: Run.Spec) {
        self.init(
            number: call.number, tool: call.tool, modelID: call.modelID, arguments: call.arguments, state: call.state,
            outcome: call.outcome, attempt: call.attempt, ask: call.ask, worker: call.worker, gate: call.gate,
            isApproved: call.isApproved, isGated: call.isGated, isEdited: call.isEdited, isParallel: call.isParallel,
            origin: spec.origin(of: call.tool))
    }

    fileprivate var snapshot: SnapshotCall {
        .with {
            $0.number = number
            $0.tool = tool
            $0.modelID = modelID
            $0.arguments = arguments
            $0.state = state
            $0.outcome = outcome
            $0.attempt = attempt
            $0.ask = ask
            $0.isParallel = isParallel
            // Nobody reads it here: the tool's definition says it. The bytes are those of this format.
            $0.isByWorker = origin == .worker
            $0.worker = worker
            $0.gate = gate
            $0.isApproved = isApproved
            $0.isGated = isGated
            $0.isEdited = isEdited
        }
    }
}
