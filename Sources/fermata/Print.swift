internal import Foundation

/// Prints a line at once, into a pipe too: what is tailed must not wait in a buffer. Where it cannot be written, a
/// client has nothing more to do.
func print(_ line: String, terminator: String = "\n") {
    do {
        try FileHandle.standardOutput.write(contentsOf: Data((line + terminator).utf8))
    } catch {
        Failure.say("the output cannot be written")
        exit(Failure.notWritten)
    }
}
