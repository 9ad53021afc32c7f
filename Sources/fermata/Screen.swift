internal import Foundation

/// Standard output or standard error, and what it can show.
///
/// Colours and other control sequences are only for a terminal that knows them and an operator who has not set
/// `NO_COLOR` (no-color.org).
struct Screen: Sendable {
    static let output = Screen(descriptor: STDOUT_FILENO)
    static let errors = Screen(descriptor: STDERR_FILENO)

    let descriptor: Int32
    let isTerminal: Bool
    /// It has a cursor that can be moved.
    let canRedraw: Bool
    let hasColours: Bool

    init(descriptor: Int32) {
        self.descriptor = descriptor
        let environment = ProcessInfo.processInfo.environment
        isTerminal = isatty(descriptor) == 1
        canRedraw = isTerminal && !["", "dumb"].contains(environment["TERM"] ?? "")
        hasColours = canRedraw && (environment["NO_COLOR"] ?? "").isEmpty
    }

    /// Columns and lines, asked each time: windows change.
    var size: (columns: Int, lines: Int) {
        var size = winsize()
        guard isTerminal, ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
            return (80, 24)
        }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    /// Writes all of it as it is. On standard output a failure ends the process: nobody is there to read the rest.
    func write(_ text: String) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                bytes = bytes.dropFirst(count)
            } else if errno == EAGAIN {
                var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&waiting, 1, -1)
            } else if errno != EINTR {
                guard descriptor == STDOUT_FILENO else { return }
                Failure.say("the output cannot be written")
                exit(Failure.notWritten)
            }
        }
    }

    enum Colour: Int {
        case red = 31
        case green = 32
        case yellow = 33
        case magenta = 35
        case cyan = 36
        case grey = 90
    }

    /// The text in a colour, if this shows colours.
    func paint(_ text: String, _ colour: Colour?, bold: Bool = false) -> String {
        guard hasColours, colour != nil || bold else { return text }
        let codes = (bold ? ["1"] : []) + (colour.map { [String($0.rawValue)] } ?? [])
        return "\u{1b}[\(codes.joined(separator: ";"))m\(text)\u{1b}[0m"
    }
}
