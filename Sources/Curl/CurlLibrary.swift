internal import CCurl

/// libcurl itself: initialised once per process, and checked for what this module relies on.
public enum CurlLibrary {
    /// Nil when the library is usable.
    static let problem: CurlError? = {
        // The only call of curl_global_init: a static is initialised once, whatever thread comes first.
        let code = curl_global_init(Int(CURL_GLOBAL_DEFAULT))
        guard code == CURLE_OK else { return CurlError(code, text: "", connected: true).asLibraryProblem }
        guard let info = ccurl_version() else {
            return CurlError(kind: .library, message: "libcurl does not tell its version")
        }
        let version = String(cString: info.pointee.version)
        // 7.87: CURLOPT_QUICK_EXIT, without which ending a transfer waits for its name to be resolved.
        guard info.pointee.version_num >= 0x07_57_00 else {
            return CurlError(kind: .library, message: "libcurl \(version) is too old: 7.87 is needed")
        }
        // Without it a name that resolves slowly stalls every transfer of the thread.
        guard info.pointee.features & CURL_VERSION_ASYNCHDNS != 0 else {
            return CurlError(kind: .library, message: "libcurl \(version) resolves names synchronously")
        }
        return nil
    }()

    /// Of the library that is loaded, such as `7.88.1`.
    public static var version: String {
        ccurl_version().map { String(cString: $0.pointee.version) } ?? "unknown"
    }

    /// The TLS library that it uses and its version, such as `OpenSSL/3.0.17`; nil: none.
    public static var tlsVersion: String? {
        ccurl_version().flatMap { $0.pointee.ssl_version }.map { String(cString: $0) }
    }

    /// Of the headers that this module was compiled with.
    public static var headerVersion: String { LIBCURL_VERSION }

    /// Why the library cannot be used for transfers, in one line; nil: it can.
    public static var usabilityProblem: String? { problem?.message }

    /// Whether libcurl knows a default file of trusted certificates, not only a directory.
    static let hasAuthoritiesFile: Bool = {
        guard let info = ccurl_version() else { return false }
        return info.pointee.cainfo != nil
    }()
}

extension CurlError {
    fileprivate var asLibraryProblem: CurlError { CurlError(kind: .library, code: code, message: message) }
}
