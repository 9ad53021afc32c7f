internal import Foundation

/// Prints a line at once, into a pipe too: what is tailed must not wait in a buffer.
func print(_ line: String, terminator: String = "\n") {
    FileHandle.standardOutput.write(Data((line + terminator).utf8))
}
