/// One line on a terminal's standard error that is written over again and again; nothing anywhere else.
final class ProgressLine {
    private let terminal = Screen.errors
    private var shown = ContinuousClock.now - .seconds(1)
    private var isThere = false

    func show(_ what: String, _ done: UInt64, of total: UInt64) {
        guard terminal.canRedraw, ContinuousClock.now - shown > .milliseconds(100) else { return }
        shown = ContinuousClock.now
        isThere = true
        let percent = total > 0 ? " \(done * 100 / total) %" : ""
        terminal.write("\r\u{1b}[K" + terminal.paint("\(what)\(percent)", .grey))
    }

    func show(_ what: String) { show(what, 0, of: 0) }

    func clear() {
        if isThere { terminal.write("\r\u{1b}[K") }
        isThere = false
    }
}
