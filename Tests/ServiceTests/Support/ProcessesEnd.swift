/// Whether the processes that `processes(marked:)` finds come to an end by themselves within ten seconds. The kernel
/// tells nobody but a parent when a process ends, so this looks again until it is so.
func processesEnd(marked marker: String) async -> Bool {
    for _ in 0..<1000 {
        if processes(marked: marker).isEmpty { return true }
        try? await Task.sleep(for: .milliseconds(10))
    }
    return false
}
