internal import CNNG

/// The nng library itself.
public enum NNGLibrary {
    /// Of the library that is loaded, such as `1.5.2`. See <https://nng.nanomsg.org/man/v1.5.0/nng_version.3.html>.
    public static var version: String { String(cString: nng_version()) }

    /// Of the headers that this module was compiled with.
    public static var headerVersion: String { "\(NNG_MAJOR_VERSION).\(NNG_MINOR_VERSION).\(NNG_PATCH_VERSION)" }
}
