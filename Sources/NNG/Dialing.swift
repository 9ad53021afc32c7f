internal import CNNG
internal import Threads

/// What a socket does to have a connection.
///
/// A dialer of nng dials again whenever there is no connection, until its peer leaves in the midst of the handshake:
/// then a dialer of version 1.5.2 stops for good and tells nobody (the dialling side of
/// [#1518](https://github.com/nanomsg/nng/issues/1518)). A server that is killed does that to whoever is about to
/// connect. So when there is no connection although somebody has listened for a while, another dialer begins. The one
/// before it is kept until there is a connection: it may be in the midst of a slow handshake, and to leave then would
/// end a listener of 1.5.2. Should both get through, the second connection is refused.
///
/// Threads: any. Keeps its endpoint only while it works.
final class Dialing: Sendable {
    private struct State {
        var dialers: [nng_dialer]
        /// Since when there has been a listener and no connection, as far as `look` has seen. ns, monotonic.
        var missingSince: Int64?
        var patience = Dialing.leastPatience
        var isNeeded = true
        /// The connection that there is is the last.
        var isLast = false
        var hasEnded = false
        /// Whether dialers make the longer pause.
        var isPatient = false
    }

    private static let leastPatience: Int64 = 500_000_000
    private static let mostPatience: Int64 = 30_000_000_000

    private let address: Address
    private let connections: Connections
    private weak let endpoint: Endpoint?
    private let state: Monitor<State>

    init(_ endpoint: Endpoint, _ address: Address) throws(NNGError) {
        self.address = address
        self.endpoint = endpoint
        connections = endpoint.connections
        state = Monitor(State(dialers: [try endpoint.startDialer(address)]))
    }

    /// Whether dialling goes on while nobody listens. When it has stopped, it begins again when it is needed.
    func setNeeded(_ isNeeded: Bool) {
        state.withLock { state in
            state.isNeeded = isNeeded
            if isNeeded { resume(&state) }
        }
    }

    /// Keeps the connection that there is, and dials no other when it is lost. Not on a thread of nng's.
    func dialNoMore() {
        state.withLock { state in
            state.isLast = true
            // nng dials again by itself, before anybody could close the dialer; with its pause as long as this, which it
            // makes each second time only (findings/nng-half-of-redials-come-at-once.sh).
            for dialer in state.dialers {
                nng_dialer_set_ms(dialer, NNG_OPT_RECONNMINT, Dialing.never)
                nng_dialer_set_ms(dialer, NNG_OPT_RECONNMAXT, Dialing.never)
            }
        }
    }

    /// ms: a day. It waits for a random part of this.
    private static let never: nng_duration = 86_400_000

    var isDialling: Bool { state.withLock { !$0.dialers.isEmpty } }

    /// Before the socket is closed: from then on its dialers are nng's own affair.
    func end() {
        state.withLock { state in
            state.hasEnded = true
            state.dialers = []
        }
    }

    /// Does what has to be done. Not on a thread of nng's: it opens and closes.
    ///
    /// - Returns: whether it wants to look again soon.
    func look() -> Bool {
        let isPatient = pause()
        return connect() || isPatient
    }

    /// Has dialers make a longer pause while the peer turns connections away, which it does when it has as many as it can
    /// have: nng pauses anew after each connection, however short it was, and 40 sockets at a server that had no room
    /// dialled some 500 times a second.
    ///
    /// - Returns: whether the pause is the longer one.
    private func pause() -> Bool {
        state.withLock { state in
            let isPatient = connections.wasTurnedAway(within: 2_000_000_000)
            guard !state.hasEnded, !state.isLast, isPatient != state.isPatient else { return state.isPatient }
            state.isPatient = isPatient
            for dialer in state.dialers {
                nng_dialer_set_ms(
                    dialer, NNG_OPT_RECONNMINT, isPatient ? Endpoint.patientPause : Endpoint.leastPause)
            }
            return isPatient
        }
    }

    /// Sees to it that there is a connection.
    ///
    /// - Returns: whether it wants to look again soon.
    private func connect() -> Bool {
        // inproc and tcp are not affected, and know no file to look at.
        guard address.path != nil else { return false }
        return state.withLock { state in
            guard !state.hasEnded, let endpoint else { return false }
            if let open = connections.openDialer {
                state.missingSince = nil
                state.patience = Self.leastPatience
                for dialer in state.dialers where dialer.id != open { endpoint.closeDialer(dialer) }
                state.dialers.removeAll { $0.id != open }
                return false
            }
            if state.isLast {
                for dialer in state.dialers { endpoint.closeDialer(dialer) }
                state.dialers = []
                return false
            }
            guard (try? address.requireListener()) != nil else {
                state.missingSince = nil
                guard !state.isNeeded else { return true }
                // Nobody is there, so nobody's handshake is cut.
                for dialer in state.dialers { endpoint.closeDialer(dialer) }
                state.dialers = []
                return false
            }
            resume(&state)
            // A dialer whose connections are closed does dial.
            if state.isPatient {
                state.missingSince = nil
                return true
            }
            let now = MonotonicTime.now.nanoseconds
            let since = state.missingSince ?? now
            state.missingSince = since
            if now - since >= state.patience, let dialer = try? endpoint.startDialer(address) {
                state.dialers.append(dialer)
                state.missingSince = now
                state.patience = min(state.patience * 2, Self.mostPatience)
            }
            return true
        }
    }

    private func resume(_ state: inout State) {
        guard state.dialers.isEmpty, !state.hasEnded, !state.isLast, let endpoint else { return }
        // The new one makes the short pause.
        state.isPatient = false
        if let dialer = try? endpoint.startDialer(address) { state.dialers = [dialer] }
    }
}

/// Looks after the dialling of every socket in the process that has no connection, on a thread of its own that sleeps
/// while all have one.
final class DialWatch: Sendable {
    static let shared = DialWatch()

    private struct State {
        var dialings: [ObjectIdentifier: Entry] = [:]
        var hasThread = false
        var mustLook = false
    }

    private struct Entry {
        weak let dialing: Dialing?
    }

    private let state = Monitor(State())

    /// From now until it is gone.
    func watch(_ dialing: Dialing) {
        let isFirst = state.withLock { state in
            state.dialings[ObjectIdentifier(dialing)] = Entry(dialing: dialing)
            defer { state.hasThread = true }
            return !state.hasThread
        }
        if isFirst { Blocking.start { self.run() } }
        look()
    }

    /// A connection was lost. Any thread; never blocks.
    func look() { state.signal { $0.mustLook = true } }

    private func run() {
        while true {
            let hour = Deadline(after: .seconds(3600))
            _ = state.wait(until: hour) { $0.mustLook ? true : nil }
            pause()
            let dialings: [Dialing] = state.withLock { state in
                state.mustLook = false
                state.dialings = state.dialings.filter { $0.value.dialing != nil }
                return state.dialings.values.compactMap(\.dialing)
            }
            for dialing in dialings where dialing.look() { look() }
        }
    }

    /// A quarter of a second: how often it looks while something is missing.
    private func pause() {
        let end = Deadline(after: .milliseconds(250))
        _ = state.wait(until: end) { _ in Bool?.none }
    }
}
