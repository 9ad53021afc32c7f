internal import Dispatch
internal import Foundation

/// SIGTERM and SIGINT as words to wait for, for commands that serve until one comes. From when it is made on, neither
/// ends the process by itself, and writing to who has left does not either (SIGPIPE).
struct EndSignals {
    private let signals: AsyncStream<Void>
    private let sources: [any DispatchSourceSignal]

    init() {
        let (signals, continuation) = AsyncStream.makeStream(of: Void.self)
        self.signals = signals
        signal(SIGPIPE, SIG_IGN)
        sources = [SIGTERM, SIGINT].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { continuation.yield() }
            source.resume()
            return source
        }
    }

    /// Returns when one of them has come.
    func first() async { for await _ in signals { return } }

    func cancel() { sources.forEach { $0.cancel() } }
}
