internal import Glibc

/// How the process's heap behaves.
enum Heap {
    /// From here on what is freed of 1 MiB and more goes back to the system at once.
    ///
    /// glibc would raise that limit to the size of what was freed, up to 32 MiB, and keep whatever comes after it: 100
    /// messages of 4 MiB left 670 MiB behind. See `man 3 mallopt`.
    static func givesLargeBlocksBack() {
        // Swift's Glibc has neither the function nor the number; other C libraries have neither either.
        typealias Mallopt = @convention(c) (CInt, CInt) -> CInt
        guard let symbol = dlsym(UnsafeMutableRawPointer(bitPattern: 0), "mallopt") else { return }
        let threshold: CInt = -3  // M_MMAP_THRESHOLD
        _ = unsafeBitCast(symbol, to: Mallopt.self)(threshold, 1 << 20)
    }
}
