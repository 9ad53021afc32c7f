internal import ModelScript
internal import Synchronization
internal import Threads

/// The thread on which a scripted model plays all its calls.
///
/// Ownership: the thread holds the loop until it is closed and no call is left. Everything but the mailbox is local to
/// the thread.
final class ScriptedModelLoop: Sendable {
    typealias OnPiece = @Sendable (ModelPiece) -> Void
    typealias OnEnd = @Sendable (Result<ModelAnswer, ModelFailure>) -> Void

    private enum Letter {
        case start(UInt64, ModelRequest, OnPiece, OnEnd)
        case cancel(UInt64)
        case gateOpened(UInt64)
        case close
    }

    private let mailbox = Mailbox<Letter>()
    private let lastNumber = Atomic<UInt64>(0)

    init(library: ScriptLibrary, gates: ScriptGates, silenceNanoseconds: UInt64) {
        startThread("scripted-model") { [self] in run(library, gates, silenceNanoseconds) }
    }

    func start(_ request: ModelRequest, onPiece: @escaping OnPiece, onEnd: @escaping OnEnd) -> UInt64 {
        let number = lastNumber.add(1, ordering: .relaxed).newValue
        mailbox.put(.start(number, request, onPiece, onEnd))
        return number
    }

    func cancel(_ number: UInt64) { mailbox.put(.cancel(number)) }

    /// The thread ends when no call is left. Nothing is started any more.
    func close() { mailbox.put(.close) }

    // MARK: On the thread

    private func run(_ library: ScriptLibrary, _ gates: ScriptGates, _ silence: UInt64) {
        var stage = ScriptedModelStage(library: library, gates: gates, silenceNanoseconds: silence)
        var isClosed = false
        while !isClosed || !stage.isIdle {
            // Rounded up: a moment too early there is nothing to play.
            let next = stage.nextDeadline.map { Int64($0 / 1000 + 1) } ?? .max / 2
            var letters = mailbox.take(until: next, atMost: .max)
            // Each letter is taken out, so that a request is let go of before its call goes on: a caller that keeps
            // one growing list of messages would otherwise copy it at every step.
            letters.reverse()
            while let letter = letters.popLast() {
                switch consume letter {
                case .start(let number, let request, let onPiece, let onEnd):
                    stage.start(number, request, onPiece: onPiece, onEnd: onEnd) { [weak self] in
                        self?.mailbox.put(.gateOpened(number))
                    }
                case .cancel(let number): stage.cancel(number)
                case .gateOpened(let number): stage.gateOpened(number)
                case .close: isClosed = true
                }
            }
            stage.playWhatIsDue()
        }
    }
}
