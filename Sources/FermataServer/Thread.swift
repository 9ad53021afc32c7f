internal import Foundation

/// Starts a thread with a name of at most 15 characters, for work that blocks. It ends when the body returns.
func startThread(_ name: String, _ body: @escaping @Sendable () -> Void) {
    let thread = Thread(block: body)
    thread.name = name
    thread.start()
}
