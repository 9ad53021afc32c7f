internal import FermataProtocol
internal import SwiftProtobuf

/// The words in which a model is shown what is nobody's text. A run keeps those that it was launched with: what the model
/// has been shown is never written anew.
///
/// frozen: other words are another version.
public enum Rendering: UInt32, Sendable {
    case first = 1

    /// Of runs that are launched now.
    public static let current = Rendering.first

    /// Of a run. One of a newer server is refused where it comes in, see `Run.problem(withNext:)`.
    init(_ launched: FermataLaunched) { self = Rendering(rawValue: launched.rendering) ?? .first }

    /// Whether this server knows the words; 0 is from before there were numbers.
    static func isKnown(_ version: UInt32) -> Bool { version == 0 || Rendering(rawValue: version) != nil }

    /// After an answer that was cut off.
    var cut: String { Marker.cut }

    /// After an answer that came to the limit on its length.
    func truncated(after text: String) -> String { text.isEmpty ? Marker.truncatedAtOnce : Marker.truncated }

    /// The result as the model reads it: the output, and what it cannot tell from the output.
    ///
    /// - Parameter edited: the arguments that an operator put in place of the model's, if it was executed with such.
    func result(_ ended: FermataCallEnded, edited: String?) -> Content {
        let note = edited.map { Marker.edited($0) + "\n" } ?? ""
        func noted(_ note: String) -> String {
            (ended.output.isEmpty || ended.output.hasSuffix("\n") ? "" : "\n") + note
        }
        let (before, after) =
            switch ended.outcome {
            case .callTimedOut: ("", noted("[The command was killed: its time limit was reached.]"))
            case .callFailed: ("[Error] ", "")
            case .callFinished where ended.hasExitCode && ended.exitCode != 0:
                ("", noted("[exit code \(ended.exitCode)]"))
            case .callFinished where ended.hasExitCode && ended.output.isEmpty && ended.blocks.isEmpty:
                ("", "[no output, exit code 0]")
            default: ("", "")
            }
        return Content(ended.output, blocks: ended.blocks).surrounded(by: note + before, after)
    }
}

extension Content {
    fileprivate func surrounded(by before: String, _ after: String) -> Content {
        func block(_ text: String) -> [FermataBlock] {
            text.isEmpty ? [] : [.with { $0.text = UInt64(text.utf8.count) }]
        }
        return Content(
            before + text + after, blocks: blocks.isEmpty ? [] : block(before) + blocks + block(after))
    }
}
