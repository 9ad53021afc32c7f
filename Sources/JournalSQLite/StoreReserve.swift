internal import CStoreSeals
internal import Glibc
internal import Synchronization

/// Room that is kept on the disk so that the WAL of a store can be moved when everything else is full: a file beside the
/// store, as large as the WAL may need the store to grow.
///
/// Without it a full disk stays full: the store would have to grow before the WAL can shrink. 24 MiB were full after
/// 652 KiB of text in messages of 1 KiB, nearly all of it WAL; with it, and a WAL that is kept short, after 12.4 MiB.
///
/// Threads: any.
final class StoreReserve: Sendable {
    private let store: String
    private let path: String
    private let size = Mutex<off_t>(-1)

    init(ofStore store: String) {
        self.store = store
        path = store + ".reserve"
    }

    /// Makes the file this large, in steps of 256 KiB, and smaller only if it is larger by far. What the disk has no room
    /// for stays as it is; so does a file system that cannot keep room.
    func keep(_ bytes: Int) {
        let step = 256 << 10
        let wanted = off_t((bytes + step - 1) / step * step)
        size.withLock { size in
            guard size < wanted || size > 4 * wanted else { return }
            // While it is made, others find no less than what it takes.
            let more = Int(wanted - max(0, size))
            guard more <= 0 || (freeSpace(at: store) ?? .max) / 2 >= more else { return }
            let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
            guard descriptor >= 0 else { return }
            defer { close(descriptor) }
            if size > wanted || size < 0 { _ = ftruncate(descriptor, wanted) }
            // A part of it is worth nothing, and would take the room of what is to be written.
            if store_reserve_room(descriptor, Int64(wanted)) != 0 {
                _ = ftruncate(descriptor, max(0, size))
                return
            }
            size = wanted
        }
    }

    /// Gives the room back to the disk.
    func release() {
        size.withLock { size in
            unlink(path)
            size = -1
        }
    }
}
