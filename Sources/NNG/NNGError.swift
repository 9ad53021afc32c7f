internal import CNNG
internal import Glibc

/// An error of the nng library: its code, and its own text for it.
///
/// Two errors are equal when their codes are, so `catch .timedOut` and `error == .closed` work; codes that this type
/// has no name for survive. See [nng_strerror(3)](https://nng.nanomsg.org/man/v1.10.0/nng_strerror.3.html).
public struct NNGError: Error, Hashable, Sendable, CustomStringConvertible {
    /// nng's number for the error (`NNG_E…`).
    public let code: Int32

    /// What the code alone cannot say, such as the path that is too long. Not compared.
    public let detail: String?

    public init(code: Int32, detail: String? = nil) {
        self.code = code
        self.detail = detail
    }

    /// nng's text, followed by the detail if there is one.
    public var description: String {
        let text = String(cString: nng_strerror(code))
        return if let detail { "\(text): \(detail)" } else { text }
    }

    public static func == (left: NNGError, right: NNGError) -> Bool {
        left.code == right.code
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(code)
    }
}

extension NNGError {
    public static let outOfMemory = NNGError(NNG_ENOMEM)
    public static let invalidArgument = NNGError(NNG_EINVAL)
    /// The socket has an operation in progress and can do only one.
    public static let busy = NNGError(NNG_EBUSY)
    public static let timedOut = NNGError(NNG_ETIMEDOUT)
    /// Nobody listens there. For ipc also: there is no such file.
    public static let connectionRefused = NNGError(NNG_ECONNREFUSED)
    public static let closed = NNGError(NNG_ECLOSED)
    public static let notSupported = NNGError(NNG_ENOTSUP)
    public static let addressInUse = NNGError(NNG_EADDRINUSE)
    public static let wrongState = NNGError(NNG_ESTATE)
    public static let notFound = NNGError(NNG_ENOENT)
    public static let protocolError = NNGError(NNG_EPROTO)
    public static let addressInvalid = NNGError(NNG_EADDRINVAL)
    public static let permissionDenied = NNGError(NNG_EPERM)
    public static let messageTooLong = NNGError(NNG_EMSGSIZE)
    /// The connection broke after the request was sent: it may have been acted upon or not.
    public static let connectionReset = NNGError(NNG_ECONNRESET)
    public static let canceled = NNGError(NNG_ECANCELED)
    public static let tooManyFiles = NNGError(NNG_ENOFILES)

    private init(_ code: nng_errno_enum) {
        self.init(code: Int32(bitPattern: code.rawValue))
    }

    /// The same error with a text for people.
    func with(detail: String) -> NNGError {
        NNGError(code: code, detail: detail)
    }

    /// Throws what an nng function returned, unless that is 0.
    static func check(_ result: Int32, _ detail: @autoclosure () -> String? = nil) throws(NNGError) {
        if result != 0 { throw NNGError(code: result, detail: detail()) }
    }

    /// An error of the operating system, in nng's terms where nng has one.
    static func system(_ number: Int32, detail: String) -> NNGError {
        let known: NNGError? =
            switch number {
            case ENOENT, ECONNREFUSED: .connectionRefused
            case EACCES, EPERM: .permissionDenied
            case EADDRINUSE: .addressInUse
            case ENAMETOOLONG, ENOTDIR, EINVAL: .addressInvalid
            case EMFILE, ENFILE: .tooManyFiles
            case ENOMEM, ENOBUFS: .outOfMemory
            default: nil
            }
        return known?.with(detail: detail)
            ?? NNGError(code: Int32(bitPattern: NNG_ESYSERR.rawValue) + number, detail: detail)
    }
}
