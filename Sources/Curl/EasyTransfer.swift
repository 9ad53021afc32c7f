internal import CCurl
internal import Glibc
internal import Threads

/// One easy handle with everything that its callbacks touch. Lives on the session's thread only.
///
/// Ownership: curl's callbacks get an unretained pointer to this object. It is retained once when the handle is made
/// and released once in `close()`, after the handle is gone; curl makes no callback after that.
final class EasyTransfer {
    /// What the transfer waits for; decides which time-out applies.
    enum Phase {
        case connecting, waiting, receiving
    }

    let start: Start
    let easy: UnsafeMutableRawPointer
    private(set) var phase = Phase.connecting
    /// When the current phase has lasted too long. Moves only forward, except when `connecting` ends.
    private(set) var phaseDeadline: MonotonicTime
    private(set) var totalDeadline: MonotonicTime
    /// Curl's own limit for it, which it measures by itself.
    private var connectLimit: Duration
    private(set) var response: CurlResponse?
    private(set) var bodyBytes = 0
    /// Why a callback told curl to give up; curl's own error is then only "write error".
    private(set) var failure: CurlError?
    /// Called when a phase begins whose deadline may be earlier than the one before.
    var onEarlierDeadline: ((MonotonicTime) -> Void)?

    private var head = ResponseHead()
    private var upload: Upload
    /// Curl was let send the request: it is not let a second time.
    private var wasSent = false
    private let errorText: UnsafeMutablePointer<CChar>
    private var headerList: UnsafeMutablePointer<curl_slist>?
    private var isClosed = false
    /// A socket could not be made because there are too many.
    private var lacksDescriptors = false

    /// Makes the handle; nothing is sent yet.
    init(_ start: Start, now: MonotonicTime) throws(CurlError) {
        if let problem = start.request.problem { throw problem }
        guard let easy = curl_easy_init() else {
            throw CurlError(kind: .library, message: "curl_easy_init: no memory")
        }
        self.start = start.withoutBody
        self.easy = easy
        upload = Upload(start.request.body ?? [])
        phaseDeadline = now + start.request.timeouts.connect
        totalDeadline = start.request.timeouts.total.map { now + $0 } ?? .never
        connectLimit = start.request.timeouts.connect
        errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
        errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        let context = Unmanaged.passRetained(self).toOpaque()
        do throws(CurlError) {
            try configure(context)
        } catch {
            close()
            throw error
        }
    }

    deinit {
        precondition(isClosed, "a transfer is closed before it is dropped")
    }

    /// Frees the handle, which must not be in a multi handle any more. Once.
    func close() {
        precondition(!isClosed, "a transfer is closed once")
        isClosed = true
        curl_easy_cleanup(easy)
        curl_slist_free_all(headerList)
        errorText.deallocate()
        onEarlierDeadline = nil
        Unmanaged.passUnretained(self).release()
    }

    /// How the transfer ended, from what curl says about it.
    func result(_ code: CURLcode) -> Result<CurlCompletion, CurlError> {
        if let failure { return .failure(failure) }
        guard code == CURLE_OK else {
            // To curl it is a server that cannot be reached, or a name that nobody knows. Once the connection was ready
            // none was needed any more.
            if phase == .connecting, lacksDescriptors || code.mayMeanNoDescriptors && Descriptors.areExhausted() {
                return .failure(.noDescriptors("no connection could be opened"))
            }
            return .failure(CurlError(code, text: String(cString: errorText), connected: phase != .connecting))
        }
        guard let response else {
            return .failure(CurlError(kind: .notHTTP, message: "the connection ended without a final response"))
        }
        var connections = 0
        _ = ccurl_get_long(easy, CURLINFO_NUM_CONNECTS, &connections)
        return .success(
            CurlCompletion(response: response, bodyBytes: bodyBytes, connectionWasReused: connections == 0))
    }

    /// Time that no limit is to count: nobody was there to see what came.
    func postpone(by time: Duration) {
        phaseDeadline = phaseDeadline + time
        totalDeadline = totalDeadline + time
        guard phase == .connecting else { return }
        connectLimit += time
        _ = ccurl_set_long(easy, CURLOPT_CONNECTTIMEOUT_MS, connectLimit.wholeMilliseconds)
    }

    /// Which limit has passed.
    func timeout(at now: MonotonicTime) -> CurlError? {
        let limits = start.request.timeouts
        if phaseDeadline <= now {
            switch phase {
            case .connecting:
                return CurlError(kind: .connectTimeout, message: "no connection within \(limits.connect)")
            case .waiting:
                return CurlError(kind: .firstByteTimeout, message: "no response within \(limits.firstByte)")
            case .receiving:
                return CurlError(kind: .silenceTimeout, message: "nothing received for \(limits.silence)")
            }
        }
        if totalDeadline <= now, let total = limits.total {
            return CurlError(kind: .totalTimeout, message: "not complete within \(total)")
        }
        return nil
    }

    // MARK: What curl calls

    /// Called before each request that curl is about to write, with nothing of it written yet.
    ///
    /// Curl wants to write a second one when a connection that it had kept is closed before the first byte of an
    /// answer, on another kept connection or a new one, up to five times; and for some answers (401, 417) with some
    /// options. The server may have read and acted on the first: whether to try again is the caller's to decide. A
    /// kept connection that is closed already when curl looks for one is replaced before this is called.
    ///
    /// - Returns: whether curl may write it.
    fileprivate func connectionIsReady() -> Bool {
        guard !wasSent else {
            failure = .closedBeforeAnswer
            return false
        }
        wasSent = true
        phase = .waiting
        phaseDeadline = MonotonicTime.now + start.request.timeouts.firstByte
        onEarlierDeadline?(phaseDeadline)
        start.onConnected()
        return true
    }

    /// As curl does it by itself, but the reason of a failure is remembered, and no child inherits it.
    fileprivate func openSocket(_ address: curl_sockaddr) -> curl_socket_t {
        let descriptor = socket(address.family, address.socktype | Int32(SOCK_CLOEXEC.rawValue), address.protocol)
        // One address of several may be of a family that the machine does not have.
        if descriptor >= 0 {
            lacksDescriptors = false
        } else if [EMFILE, ENFILE].contains(errno) {
            lacksDescriptors = true
        }
        return descriptor
    }

    fileprivate func receive(headerLine line: UnsafeRawBufferPointer) -> Bool {
        guard !endsAsCancelled() else { return false }
        received()
        guard head.append(line) else {
            failure = CurlError(
                kind: .tooLarge, message: "more than \(ResponseHead.maximumBytes) bytes of header lines")
            return false
        }
        if response == nil, head.isComplete, head.status >= 200 {
            let response = CurlResponse(status: head.status, headers: head.headers)
            self.response = response
            start.onResponse(response, start.transfer)
        }
        return true
    }

    fileprivate func receive(body bytes: UnsafeRawBufferPointer) -> Bool {
        guard !endsAsCancelled() else { return false }
        guard !bytes.isEmpty else { return true }
        received()
        guard bytes.count <= start.request.maximumBodyBytes - bodyBytes else {
            failure = CurlError(
                kind: .tooLarge, message: "more than \(start.request.maximumBodyBytes) bytes of body")
            return false
        }
        bodyBytes += bytes.count
        start.onData(bytes, start.transfer)
        return true
    }

    private func endsAsCancelled() -> Bool {
        guard start.transfer.isCancelled else { return false }
        failure = .cancelled
        return true
    }

    private func received() {
        let wasWaiting = phase != .receiving
        phase = .receiving
        phaseDeadline = MonotonicTime.now + start.request.timeouts.silence
        if wasWaiting { onEarlierDeadline?(phaseDeadline) }
    }

    fileprivate func send(into buffer: UnsafeMutableRawBufferPointer) -> Int { upload.read(into: buffer) }

    // MARK: Options

    private func configure(_ context: UnsafeMutableRawPointer) throws(CurlError) {
        let request = start.request
        try string(CURLOPT_URL, request.url)
        // A scheme outside the list is an error, also in a redirect if redirects were ever followed.
        try string(CURLOPT_PROTOCOLS_STR, "http,https")
        try string(CURLOPT_REDIR_PROTOCOLS_STR, "http,https")
        try long(CURLOPT_FOLLOWLOCATION, 0)
        // HTTP/2 would share one connection among calls, and a cancel would not close it.
        try long(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        try long(CURLOPT_HTTP09_ALLOWED, 0)
        try long(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
        try long(CURLOPT_NOSIGNAL, 1)
        // Without it curl joins the resolver's thread when a transfer ends early, and every other transfer waits: a
        // cancel in front of a name server that takes four seconds would take four seconds.
        try long(CURLOPT_QUICK_EXIT, 1)
        try long(CURLOPT_TCP_KEEPALIVE, 1)
        // Curl divides it among a name's addresses, so that a dead first address leaves time for the second.
        try long(CURLOPT_CONNECTTIMEOUT_MS, request.timeouts.connect.wholeMilliseconds)
        if let proxy = request.proxy { try string(CURLOPT_PROXY, proxy) }
        if let file = request.authoritiesFile { try string(CURLOPT_CAINFO, file) }
        if request.authoritiesFile != nil || CurlLibrary.hasAuthoritiesFile {
            // With a directory set as well, curl parses the whole file again for each connection.
            try check(ccurl_set_string(easy, CURLOPT_CAPATH, nil))
        }
        // A stream comes in small pieces, and keeps its buffer, 16 KiB by curl's own choice, for as long as it lives.
        try long(CURLOPT_BUFFERSIZE, 2 << 10)
        try check(ccurl_set_pointer(easy, CURLOPT_ERRORBUFFER, errorText))
        try check(ccurl_set_pointer(easy, CURLOPT_PRIVATE, context))
        try setCallbacks(context)
        try setMethodAndBody(request)
        try setHeaders(request)
    }

    private func setMethodAndBody(_ request: CurlRequest) throws(CurlError) {
        if request.body != nil {
            try long(CURLOPT_POST, 1)
            try check(ccurl_set_large(easy, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(upload.count)))
            // A small body needs no 64 KiB buffer for the whole life of a stream.
            if upload.count <= 16 << 10 { try long(CURLOPT_UPLOAD_BUFFERSIZE, 16 << 10) }
            if request.method != "POST" { try string(CURLOPT_CUSTOMREQUEST, request.method) }
        } else if request.method == "HEAD" {
            try long(CURLOPT_NOBODY, 1)
        } else {
            try long(CURLOPT_HTTPGET, 1)
            if request.method != "GET" { try string(CURLOPT_CUSTOMREQUEST, request.method) }
        }
    }

    private func setHeaders(_ request: CurlRequest) throws(CurlError) {
        // Without "Expect:" curl asks before large bodies and waits up to a second for the answer.
        let lines = request.headers.map { $0.value.isEmpty ? "\($0.name);" : "\($0.name): \($0.value)" }
        for line in ["Expect:"] + lines {
            guard let longer = curl_slist_append(headerList, line) else {
                throw CurlError(kind: .library, message: "curl_slist_append: no memory")
            }
            headerList = longer
        }
        try check(ccurl_set_list(easy, CURLOPT_HTTPHEADER, headerList))
    }

    private func setCallbacks(_ context: UnsafeMutableRawPointer) throws(CurlError) {
        try check(ccurl_set_pointer(easy, CURLOPT_PREREQDATA, context))
        try check(
            ccurl_set_prereq_function(easy) { context, _, _, _, _ in
                EasyTransfer.from(context).connectionIsReady() ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT
            })
        try check(ccurl_set_pointer(easy, CURLOPT_OPENSOCKETDATA, context))
        try check(
            ccurl_set_open_socket_function(easy) { context, _, address in
                EasyTransfer.from(context).openSocket(address!.pointee)
            })
        try check(ccurl_set_pointer(easy, CURLOPT_HEADERDATA, context))
        try check(
            ccurl_set_bytes_function(easy, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
                let line = UnsafeRawBufferPointer(start: bytes, count: size * count)
                return EasyTransfer.from(context).receive(headerLine: line) ? size * count : EasyTransfer.giveUp
            })
        try check(ccurl_set_pointer(easy, CURLOPT_WRITEDATA, context))
        try check(
            ccurl_set_bytes_function(easy, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
                let piece = UnsafeRawBufferPointer(start: bytes, count: size * count)
                return EasyTransfer.from(context).receive(body: piece) ? size * count : EasyTransfer.giveUp
            })
        try check(ccurl_set_pointer(easy, CURLOPT_READDATA, context))
        try check(
            ccurl_set_bytes_function(easy, CURLOPT_READFUNCTION) { bytes, size, count, context in
                let buffer = UnsafeMutableRawBufferPointer(start: bytes, count: size * count)
                return EasyTransfer.from(context).send(into: buffer)
            })
        // No CURLOPT_SEEKFUNCTION: a body cannot be read twice, so it cannot be sent twice.
    }

    /// Any other number than the bytes given makes curl end the transfer; all bytes given are never this many.
    private static let giveUp = Int.max

    static func from(_ context: UnsafeMutableRawPointer?) -> EasyTransfer {
        Unmanaged<EasyTransfer>.fromOpaque(context!).takeUnretainedValue()
    }

    private func long(_ option: CURLoption, _ value: Int) throws(CurlError) {
        try check(ccurl_set_long(easy, option, value))
    }

    /// Curl copies the string.
    private func string(_ option: CURLoption, _ value: String) throws(CurlError) {
        try check(ccurl_set_string(easy, option, value))
    }

    private func check(_ code: CURLcode) throws(CurlError) {
        guard code == CURLE_OK else {
            var error = CurlError(code, text: "", connected: true)
            error.kind = .invalidRequest
            throw error
        }
    }
}

extension CurlRequest {
    /// What curl would cut short or send as something else.
    fileprivate var problem: CurlError? {
        func isPlain(_ text: String) -> Bool { text.utf8.allSatisfy { $0 != 0 && $0 != 10 && $0 != 13 } }
        func isToken(_ text: String) -> Bool {
            !text.isEmpty && text.utf8.allSatisfy { $0 > 32 && $0 < 127 && $0 != UInt8(ascii: ":") }
        }
        guard isPlain(url) else { return CurlError(kind: .invalidRequest, message: "the URL has a line break or NUL") }
        guard isToken(method) else { return CurlError(kind: .invalidRequest, message: "the method is not a word") }
        for (name, value) in headers where !isToken(name) || !isPlain(value) {
            // The value may be a secret; a name with a line break may hold one.
            let shown = isToken(name) ? "'\(name)'" : "a header"
            return CurlError(kind: .invalidRequest, message: "\(shown) cannot be sent: not a header name and one line")
        }
        return nil
    }
}

extension CURLcode {
    /// What else needs one to connect: the resolver's thread and its files, the file of trusted certificates.
    fileprivate var mayMeanNoDescriptors: Bool {
        [
            CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY, CURLE_OUT_OF_MEMORY, CURLE_FAILED_INIT,
            CURLE_SSL_CACERT_BADFILE,
        ].contains(self)
    }
}

extension Duration {
    /// At least 1: curl takes 0 for its default.
    fileprivate var wholeMilliseconds: Int {
        let (seconds, attoseconds) = components
        guard seconds < 1_000_000 else { return 1_000_000_000 }
        return max(1, Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000))
    }
}
