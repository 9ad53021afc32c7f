import CNNG
import Synchronization
import Testing

@testable import NNG

/// What is known of a socket's connections, whatever order nng's threads tell it in.
@Suite(.timeLimit(.minutes(1)))
struct ConnectionsTests {
    /// A number that no connection of this process has.
    private let pipe = nng_pipe(id: 7)

    @Test func aReplyOpensItsConnectionBeforeItsOwnThreadSaysSo() {
        let opened = Atomic(0)
        let connections = Connections(onConnect: { _ in opened.add(1, ordering: .relaxed) })
        connections.happened(NNG_PIPE_EV_ADD_PRE, pipe)
        #expect(connections.count == 0)
        connections.proved(7)
        #expect(connections.count == 1)
        connections.happened(NNG_PIPE_EV_ADD_POST, pipe)
        #expect(connections.count == 1 && opened.load(ordering: .relaxed) == 1)
        connections.happened(NNG_PIPE_EV_REM_POST, pipe)
        #expect(connections.count == 0)
        // A reply that came over one that is gone meanwhile.
        connections.proved(7)
        connections.happened(NNG_PIPE_EV_ADD_POST, pipe)
        #expect(connections.count == 0 && opened.load(ordering: .relaxed) == 1)
    }
}
