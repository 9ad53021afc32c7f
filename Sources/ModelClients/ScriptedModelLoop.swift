internal import Glibc
internal import ModelScript
internal import Synchronization

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
    }

    private struct Mailbox {
        var letters: [Letter] = []
        var lastNumber: UInt64 = 0
        var isAsleep = false
        var isClosed = false
    }

    private let mailbox = Mutex(Mailbox())
    private let bell = ScriptedModelBell()

    init(library: ScriptLibrary, gates: ScriptGates, silenceNanoseconds: UInt64) {
        let body = ThreadBody { [self] in run(library, gates, silenceNanoseconds) }
        // Retained for the thread, which releases it when it begins.
        let retained = Unmanaged.passRetained(body)
        var thread = pthread_t()
        let status = pthread_create(
            &thread, nil,
            { raw in
                if let raw { Unmanaged<ThreadBody>.fromOpaque(raw).takeRetainedValue().run() }
                return nil
            }, retained.toOpaque())
        precondition(status == 0, "pthread_create: \(String(cString: strerror(status)))")
        pthread_detach(thread)
    }

    func start(_ request: ModelRequest, onPiece: @escaping OnPiece, onEnd: @escaping OnEnd) -> UInt64 {
        post { mailbox in
            mailbox.lastNumber += 1
            mailbox.letters.append(.start(mailbox.lastNumber, request, onPiece, onEnd))
            return mailbox.lastNumber
        }
    }

    func cancel(_ number: UInt64) { post { $0.letters.append(.cancel(number)) } }

    /// The thread ends when no call is left.
    func close() { post { $0.isClosed = true } }

    private func post<Value>(_ change: (inout Mailbox) -> Value) -> Value {
        let (value, mustWake) = mailbox.withLock { mailbox in
            defer { mailbox.isAsleep = false }
            return (change(&mailbox), mailbox.isAsleep)
        }
        if mustWake { bell.ring() }
        return value
    }

    // MARK: On the thread

    private func run(_ library: ScriptLibrary, _ gates: ScriptGates, _ silence: UInt64) {
        var stage = ScriptedModelStage(library: library, gates: gates, silenceNanoseconds: silence)
        while true {
            let next = stage.nextDeadline
            let isIdle = stage.isIdle
            var (letters, isOver) = mailbox.withLock { mailbox -> ([Letter], Bool) in
                defer { mailbox.letters = [] }
                mailbox.isAsleep = mailbox.letters.isEmpty
                return (mailbox.letters, mailbox.letters.isEmpty && isIdle && mailbox.isClosed)
            }
            if isOver { return }
            if letters.isEmpty {
                bell.sleep(until: next)
                mailbox.withLock { $0.isAsleep = false }
            }
            // Each letter is taken out, so that a request is let go of before its call goes on: a caller that keeps
            // one growing list of messages would otherwise copy it at every step.
            letters.reverse()
            while let letter = letters.popLast() {
                switch consume letter {
                case .start(let number, let request, let onPiece, let onEnd):
                    stage.start(number, request, onPiece: onPiece, onEnd: onEnd) { [weak self] in
                        self?.post { $0.letters.append(.gateOpened(number)) }
                    }
                case .cancel(let number): stage.cancel(number)
                case .gateOpened(let number): stage.gateOpened(number)
                }
            }
            stage.playWhatIsDue()
        }
    }
}

private final class ThreadBody: Sendable {
    let run: @Sendable () -> Void

    init(_ run: @escaping @Sendable () -> Void) {
        self.run = run
    }
}
