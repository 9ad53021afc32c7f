internal import Glibc
internal import Synchronization

/// Room that is kept on the disk so that the log of a store can be moved when everything else is full: a file beside the
/// store, as large as the log may need the store to grow.
///
/// Without it a full disk stays full: the store would have to grow before the log can shrink. 24 MiB were full after
/// 652 KiB of text in messages of 1 KiB, nearly all of it log; with it, and a log that is kept short, after 12.4 MiB.
///
/// Threads: any.
final class StoreReserve: Sendable {
    private let path: String
    private let size = Mutex<off_t>(-1)

    init(ofStore store: String) { path = store + ".reserve" }

    /// Makes the file this large, in steps of 256 KiB, and smaller only if it is larger by far. What the disk has no room
    /// for stays as it is.
    func keep(_ bytes: Int) {
        let step = 256 << 10
        let wanted = off_t((bytes + step - 1) / step * step)
        size.withLock { size in
            guard size < wanted || size > 4 * wanted else { return }
            let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
            guard descriptor >= 0 else { return }
            defer { close(descriptor) }
            if size > wanted || size < 0 { _ = ftruncate(descriptor, wanted) }
            // A part of it is worth nothing, and would take the room of what is to be written.
            if posix_fallocate(descriptor, 0, wanted) != 0 {
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
