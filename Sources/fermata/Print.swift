internal import Foundation

/// Prints a line at once, into a pipe too: what is tailed must not wait in a buffer. On a terminal control characters
/// in it are made visible. Where it cannot be written, a client has nothing more to do.
func print(_ line: String, terminator: String = "\n") {
    Screen.output.write(Screen.output.isTerminal ? line.harmless + terminator : line + terminator)
}
