internal import Glibc

/// Stands before the C library's `sendmsg` in the whole process: `EPIPE` becomes `ECONNRESET`.
///
/// nng before 1.6 takes the `EPIPE` of a peer that left during the handshake for the listener's own end
/// ([#1518](https://github.com/nanomsg/nng/issues/1518): `EPIPE` is `NNG_ECLOSED` there, and a listener that is told so
/// accepts no more). Every peer that came after it was taken half, and its descriptor never given back. `ECONNRESET` is
/// `NNG_ECONNRESET`, which ends that one peer. Both mean to a sender that nobody is there; `man 2 sendmsg`.
///
/// The dynamic linker prefers a symbol that the executable exports to that of a library, so this reaches nng's calls: an
/// executable that listens is linked with `-Xlinker --export-dynamic-symbol=` this one and those of StoppedStream.swift and Accepting.swift.
@_cdecl("sendmsg")
public func sendMessageToWhoeverIsThere(_ descriptor: Int32, _ message: UnsafeRawPointer?, _ flags: Int32) -> Int {
    let result = original(descriptor, message, flags)
    if result < 0, errno == EPIPE { errno = ECONNRESET }
    return result
}

private typealias SendMessage = @convention(c) (Int32, UnsafeRawPointer?, Int32) -> Int

private let original = unsafeBitCast(nextSymbol("sendmsg"), to: SendMessage.self)

/// The function of this name that comes after the executable's own in the order of the dynamic linker: the library's.
func nextSymbol(_ name: String) -> UnsafeMutableRawPointer {
    let next = UnsafeMutableRawPointer(bitPattern: -1)  // RTLD_NEXT, a macro that Swift does not import
    guard let symbol = dlsym(next, name) else { fatalError("no library has \(name)") }
    return symbol
}
