internal import CCurl
internal import Glibc
internal import Threads

/// The session's thread: one multi handle, one epoll.
///
/// `curl_multi_socket_action` over epoll instead of `curl_multi_poll`, by measurement (two cores, libcurl 7.88, streams
/// of 30 chunks a second each, over loopback). With 300 streams it takes 6.6 % of a core instead of 13.4 %, with 1,000
/// it takes 21 % instead of 47 %; and the longest time in which a cancel is not looked at is 15 µs (p99) instead of
/// 0.5 ms with 300 streams, 11 µs instead of 2.1 ms with 1,000: `curl_multi_perform` visits every transfer each time.
/// With 10 streams they are alike.
final class TransferLoop {
    let mailbox: TransferMailbox
    private let multi: UnsafeMutableRawPointer
    private let epoll: Int32
    private var live: [ObjectIdentifier: EasyTransfer] = [:]
    /// When curl wants to be called without an event.
    private var curlTimer = MonotonicTime.never
    /// No transfer's deadline is before this: deadlines that move on need no bookkeeping per piece received.
    private var earliestDeadline = MonotonicTime.never
    /// The wake-up was read while timers were served: what it told of is still to be taken.
    private var hasCommands = false
    private var standstill = Standstill(tolerance: 100_000_000, now: MonotonicTime.now.nanoseconds)
    private let events: UnsafeMutablePointer<epoll_event>
    /// ms, while there are transfers. Of a stop within a sleep only what is beyond the sleep's planned end is known to be one: a sleep up to a far
    /// deadline would hide it, and the deadline would come with the wake.
    private static let longestSleep: Int32 = 250
    /// Few per turn: between two events lie some 6 µs, and a cancel is looked at once per turn.
    private static let eventsAtOnce = 16

    init(idleConnections: Int?) throws(CurlError) {
        let mailbox = try TransferMailbox()
        let epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        if epoll < 0 { throw CurlError(errno: errno, doing: "epoll_create1") }
        guard let multi = curl_multi_init() else {
            Glibc.close(epoll)
            if Descriptors.areExhausted() { throw CurlError.noDescriptors("curl_multi_init") }
            throw CurlError(kind: .library, message: "curl_multi_init: no memory or descriptors")
        }
        // Those in use count as well, so this never holds up a transfer.
        if let idleConnections { _ = ccurl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, max(1, idleConnections)) }
        self.mailbox = mailbox
        self.epoll = epoll
        self.multi = multi
        events = .allocate(capacity: TransferLoop.eventsAtOnce)
        watch(mailbox.wakeDescriptor, EPOLLIN.rawValue)
        // Unretained: the loop outlives its multi handle, which it frees in `deinit`.
        let context = Unmanaged.passUnretained(self).toOpaque()
        _ = ccurl_multi_set_long(multi, CURLMOPT_PIPELINING, Int(CURLPIPE_NOTHING))
        _ = ccurl_multi_set_socket(
            multi,
            { _, socket, what, context, _ in
                TransferLoop.from(context).curlWants(what, of: socket)
                return 0
            }, context)
        _ = ccurl_multi_set_timer(
            multi,
            { _, milliseconds, context in
                TransferLoop.from(context).curlWants(callIn: milliseconds)
                return 0
            }, context)
    }

    deinit {
        // Closes the idle connections; there are no others.
        curl_multi_cleanup(multi)
        Glibc.close(epoll)
        events.deallocate()
    }

    /// The thread's body: returns when the session is closed.
    func run() {
        mailbox.begin()
        while takeCommands() {
            serveTimers()
            let now = MonotonicTime.now
            let wake = min(curlTimer, earliestDeadline)
            let longest = live.isEmpty ? 60_000 : TransferLoop.longestSleep
            let sleep = hasCommands ? 0 : wake == .never ? -1 : wake.milliseconds(after: now, atMost: longest)
            let end = sleep < 0 ? MonotonicTime.never : now + .milliseconds(Int64(sleep))
            standstill.sleeps(until: end.nanoseconds, now: now.nanoseconds)
            serveSockets(within: sleep)
        }
        mailbox.end()
    }

    /// - Returns: how many had something to say; at most so many as are taken at once.
    @discardableResult
    private func serveSockets(within milliseconds: Int32) -> Int {
        let count = max(0, Int(epoll_wait(epoll, events, Int32(TransferLoop.eventsAtOnce), milliseconds)))
        let now = MonotonicTime.now
        standstill.woke(now: now.nanoseconds)
        // Before curl is called, which has time limits of its own.
        noteStandstill(now)
        for event in UnsafeBufferPointer(start: events, count: count) {
            if event.data.fd == mailbox.wakeDescriptor {
                mailbox.clearWake()
                hasCommands = true
            } else {
                act(on: event.data.fd, curlEvents(event.events))
            }
        }
        collectEnds()
        return count
    }

    // MARK: Commands

    /// - Returns: false when the session is closed and every transfer has ended.
    private func takeCommands() -> Bool {
        hasCommands = false
        let contents = mailbox.take()
        // An end's callback may have posted more; the loop comes back without sleeping, for the eventfd is readable.
        for transfer in contents.cancels { end(live[ObjectIdentifier(transfer)], .failure(.cancelled)) }
        for start in contents.starts {
            if contents.closing {
                start.onEnd(.failure(.closed))
            } else if start.transfer.isCancelled {
                start.onEnd(.failure(.cancelled))
            } else {
                begin(start)
            }
        }
        guard contents.closing else { return true }
        for transfer in Array(live.values) { end(transfer, .failure(.closed)) }
        return false
    }

    private func begin(_ start: Start) {
        let easy: EasyTransfer
        do throws(CurlError) {
            easy = try EasyTransfer(start, now: .now)
        } catch {
            start.onEnd(.failure(error))
            return
        }
        easy.onEarlierDeadline = { [unowned self] in earliestDeadline = min(earliestDeadline, $0) }
        earliestDeadline = min(earliestDeadline, easy.phaseDeadline, easy.totalDeadline)
        let code = curl_multi_add_handle(multi, easy.easy)
        guard code == CURLM_OK else {
            easy.close()
            start.onEnd(
                .failure(CurlError(kind: .library, message: String(cString: curl_multi_strerror(code)))))
            return
        }
        live[ObjectIdentifier(start.transfer)] = easy
    }

    /// Takes the transfer out of curl, which closes the socket of one that is not complete, and tells its end.
    private func end(_ transfer: EasyTransfer?, _ result: Result<CurlCompletion, CurlError>) {
        guard let transfer, live.removeValue(forKey: ObjectIdentifier(transfer.start.transfer)) != nil else { return }
        if case .failure = result {
            // Removing closes the connection of an unfinished transfer; this says so for every state it can be in.
            _ = ccurl_set_long(transfer.easy, CURLOPT_FORBID_REUSE, 1)
        }
        curl_multi_remove_handle(multi, transfer.easy)
        transfer.close()
        transfer.start.onEnd(result)
    }

    // MARK: Events

    private func act(on socket: curl_socket_t, _ events: Int32) {
        var running: Int32 = 0
        curl_multi_socket_action(multi, socket, events, &running)
    }

    private func collectEnds() {
        var left: Int32 = 0
        while let message = curl_multi_info_read(multi, &left) {
            guard message.pointee.msg == CURLMSG_DONE, let easy = message.pointee.easy_handle else { continue }
            var context: UnsafeMutableRawPointer?
            _ = ccurl_get_private(easy, &context)
            let transfer = EasyTransfer.from(context)
            end(transfer, transfer.result(ccurl_message_result(message)))
        }
    }

    /// The time in which nobody read is no time of silence, nor any other that a peer has to answer for.
    private func noteStandstill(_ now: MonotonicTime) {
        let lost = standstill.look(now: now.nanoseconds)
        guard lost > 0 else { return }
        for transfer in live.values { transfer.postpone(by: .nanoseconds(lost)) }
        earliestDeadline = live.values.reduce(.never) { min($0, $1.phaseDeadline, $1.totalDeadline) }
    }

    private func serveTimers() {
        // All is judged by this time: a stop from here on is seen by the next look only.
        let now = MonotonicTime.now
        noteStandstill(now)
        if curlTimer <= now {
            // Curl sets it anew when it is called.
            curlTimer = .never
            act(on: ccurl_socket_timeout(), 0)
            collectEnds()
        }
        guard earliestDeadline <= now else { return }
        // What has come is read before anybody is said to be silent: each socket once, level-triggered.
        var unread = live.count + 1
        while unread > 0 {
            let served = serveSockets(within: 0)
            if served < TransferLoop.eventsAtOnce { break }
            unread -= served
        }
        earliestDeadline = .never
        for transfer in Array(live.values) {
            if let error = transfer.timeout(at: now) {
                end(transfer, .failure(error))
            } else {
                earliestDeadline = min(earliestDeadline, transfer.phaseDeadline, transfer.totalDeadline)
            }
        }
    }

    // MARK: What curl asks for

    private static func from(_ context: UnsafeMutableRawPointer?) -> TransferLoop {
        Unmanaged<TransferLoop>.fromOpaque(context!).takeUnretainedValue()
    }

    private func curlWants(callIn milliseconds: Int) {
        curlTimer = milliseconds < 0 ? .never : MonotonicTime.now + .milliseconds(milliseconds)
    }

    private func curlWants(_ what: Int32, of socket: curl_socket_t) {
        guard what != CURL_POLL_REMOVE else {
            // Fails when the socket is closed already, and the kernel has then removed it.
            _ = epoll_ctl(epoll, EPOLL_CTL_DEL, socket, nil)
            return
        }
        watch(
            socket,
            (what & CURL_POLL_IN != 0 ? EPOLLIN.rawValue : 0) | (what & CURL_POLL_OUT != 0 ? EPOLLOUT.rawValue : 0))
    }

    private func watch(_ descriptor: Int32, _ interest: UInt32) {
        var event = epoll_event(events: interest, data: epoll_data_t(fd: descriptor))
        if epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) != 0, errno == EEXIST {
            _ = epoll_ctl(epoll, EPOLL_CTL_MOD, descriptor, &event)
        }
    }

    private func curlEvents(_ events: UInt32) -> Int32 {
        var result: Int32 = 0
        if events & EPOLLIN.rawValue != 0 { result |= CURL_CSELECT_IN }
        if events & EPOLLOUT.rawValue != 0 { result |= CURL_CSELECT_OUT }
        if events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0 { result |= CURL_CSELECT_ERR }
        return result
    }
}
