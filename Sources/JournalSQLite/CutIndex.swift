internal import CStoreSeals
internal import Glibc

/// The index of a store's WAL is memory that the WAL's connections share with a file. Who cuts that file takes the memory
/// away, which the kernel tells by SIGBUS.
public enum CutIndex {
    /// Has the process end then, with a line that says why. Once.
    public static func endsProcess(status: Int32) {
        let line =
            "level=critical message=\"nothing is acknowledged any more: a file was cut that is mapped into memory, the index "
            + "of the store's WAL (-shm) above all\"\n"
        store_end_at_bus_error(strdup(line), status)
    }
}
