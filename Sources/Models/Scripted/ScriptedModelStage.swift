internal import ModelScript
internal import Threads

/// The calls that a scripted model is playing, and when each goes on. Used by the loop's thread only.
struct ScriptedModelStage {
    private struct Play {
        let plan: ScriptPlan
        var playback: ScriptPlayback
        let onPiece: ScriptedModelLoop.OnPiece
        let onEnd: ScriptedModelLoop.OnEnd
        /// Called, on any thread, when the gate has opened that the play waits at.
        let onGate: @Sendable () -> Void
        var gate: (name: String, ticket: ScriptGates.Ticket?)?
        /// The deadline that counts; older ones in the queue do not.
        var deadline: UInt64?
        var isSilent = false
    }

    private var library: ScriptLibrary
    private let gates: ScriptGates
    private let silenceNanoseconds: UInt64
    private var plays: [UInt64: Play] = [:]
    private var deadlines = DeadlineQueue()

    init(library: ScriptLibrary, gates: ScriptGates, silenceNanoseconds: UInt64) {
        self.library = library
        self.gates = gates
        self.silenceNanoseconds = silenceNanoseconds
    }

    var isIdle: Bool { plays.isEmpty }
    var nextDeadline: UInt64? { deadlines.first?.time }

    /// CLOCK_MONOTONIC in nanoseconds.
    static func now() -> UInt64 { UInt64(MonotonicTime.now.nanoseconds) }

    mutating func start(
        _ number: UInt64, _ request: consuming ModelRequest, onPiece: @escaping ScriptedModelLoop.OnPiece,
        onEnd: @escaping ScriptedModelLoop.OnEnd, onGate: @escaping @Sendable () -> Void
    ) {
        do {
            let plan = try library.plan(request)
            _ = consume request
            let playback = ScriptPlayback(plan.turn)
            play(number, Play(plan: plan, playback: playback, onPiece: onPiece, onEnd: onEnd, onGate: onGate))
        } catch {
            onEnd(.failure(.script(error)))
        }
    }

    mutating func cancel(_ number: UInt64) {
        guard let play = plays.removeValue(forKey: number) else { return }
        if let gate = play.gate, let ticket = gate.ticket { gates.forget(ticket, at: gate.name) }
        forgetOldDeadlines()
        play.onEnd(.failure(ModelFailure(kind: .cancelled, message: "cancelled", retryable: false)))
    }

    mutating func gateOpened(_ number: UInt64) {
        guard var play = plays.removeValue(forKey: number) else { return }
        play.gate = nil
        play.playback.gateOpened(at: ScriptedModelStage.now())
        self.play(number, play)
    }

    mutating func playWhatIsDue() {
        while let first = deadlines.first, first.time <= ScriptedModelStage.now() {
            deadlines.removeFirst()
            guard plays[first.number]?.deadline == first.time, var play = plays.removeValue(forKey: first.number)
            else { continue }
            play.deadline = nil
            self.play(first.number, play)
        }
    }

    /// Plays on as far as it goes now, and keeps the play if it has not ended.
    private mutating func play(_ number: UInt64, _ current: Play) {
        var play = current
        if play.isSilent { return end(play, .silence(afterTokens: 0)) }
        while true {
            let now = ScriptedModelStage.now()
            switch play.playback.next(at: now) {
            case .wait(let time):
                return keep(number, play, until: time)
            case .gate(let name):
                play.gate = (name, gates.whenOpen(name, play.onGate))
                plays[number] = play
                return
            case .send(let range):
                for piece in ScriptedModelStage.pieces(range, of: play.plan.turn) { play.onPiece(piece) }
            case .fault(.silence):
                play.isSilent = true
                return keep(number, play, until: now + silenceNanoseconds)
            case .fault(let fault):
                return end(play, fault)
            case .end:
                return play.onEnd(Result { () throws(ModelFailure) in try ModelAnswer(play.plan) })
            }
        }
    }

    private func end(_ play: Play, _ fault: ScriptFault) {
        play.onEnd(.failure(ModelFailure(fault, turn: play.plan.index)))
    }

    private mutating func keep(_ number: UInt64, _ play: Play, until time: UInt64) {
        var play = play
        play.deadline = time
        plays[number] = play
        deadlines.insert(time, number)
    }

    /// Deadlines of calls that were cancelled would stay until their time.
    private mutating func forgetOldDeadlines() {
        guard deadlines.count > 2 * plays.count + 64 else { return }
        deadlines = DeadlineQueue()
        for (number, play) in plays {
            if let time = play.deadline { deadlines.insert(time, number) }
        }
    }

    private static func pieces(_ range: Range<Int>, of turn: ScriptTurn) -> [ModelPiece] {
        var (reasoning, text) = (turn.reasoning, turn.text)
        // A turn without pace comes in one piece, and is not put together anew.
        if range.count < turn.pieces.count {
            (reasoning, text) = ("", "")
            for piece in turn.pieces[range] {
                switch piece {
                case .reasoning(let token): reasoning += token
                case .text(let token): text += token
                case .call, .arguments: break
                }
            }
        }
        return (reasoning.isEmpty ? [] : [.reasoning(reasoning)]) + (text.isEmpty ? [] : [.text(text)])
    }
}

/// A binary heap of times, earliest first.
struct DeadlineQueue {
    private var heap: [(time: UInt64, number: UInt64)] = []

    var count: Int { heap.count }
    var first: (time: UInt64, number: UInt64)? { heap.first }

    mutating func insert(_ time: UInt64, _ number: UInt64) {
        heap.append((time, number))
        var child = heap.count - 1
        while child > 0, heap[child].time < heap[(child - 1) / 2].time {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func removeFirst() {
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var parent = 0
        while true {
            var earliest = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count {
                if heap[child].time < heap[earliest].time { earliest = child }
            }
            if earliest == parent { return }
            heap.swapAt(parent, earliest)
            parent = earliest
        }
    }
}
