public import FermataCore
internal import FermataProtocol
internal import SwiftProtobuf

/// What is wrong with a transcript at the moment of a model call; nil if it is valid.
public func brokenTranscript(_ transcript: Transcript) -> String? {
    var owed: ArraySlice<FermataSelectedCall> = []
    for (index, item) in transcript.items.enumerated() {
        switch item {
        case .result(let call, _):
            guard call == owed.first else { return "item \(index): the result of call \(call.number) is out of place" }
            owed = owed.dropFirst()
        case .user, .assistant:
            guard owed.isEmpty else { return "item \(index): call \(owed.first!.number) has no result" }
            if case .assistant(let answer) = item {
                guard !answer.text.isEmpty || !answer.calls.isEmpty else { return "item \(index): an empty answer" }
                owed = answer.calls[...]
            }
        }
    }
    return owed.isEmpty ? nil : "the last step's call \(owed.first!.number) has no result"
}
