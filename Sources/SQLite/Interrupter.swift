internal import CSQLite
internal import Synchronization

/// Stops what a connection is doing, from any thread.
///
/// Ownership: does not keep the connection open; after its close it does nothing.
/// See <https://sqlite.org/c3ref/interrupt.html>.
public final class Interrupter: Sendable {
    /// The address of the connection, 0 after its close. The lock is what makes the call safe: SQLite allows it from
    /// other threads only while the connection is surely open.
    private let address: Mutex<UInt>

    init(_ handle: OpaquePointer) {
        address = Mutex(UInt(bitPattern: handle))
    }

    /// Ends the statements that run now with `interrupted`. Those that begin later are not touched.
    public func interrupt() {
        address.withLock { address in
            guard let handle = OpaquePointer(bitPattern: address) else { return }
            sqlite3_interrupt(handle)
        }
    }

    func invalidate() {
        address.withLock { $0 = 0 }
    }
}
