/// How far a conversation has used up a script.
struct ScriptPosition: Sendable, Equatable {
    /// The next turn without `match`, as an index into `ScriptIndex.ordered`, and how often it was served already.
    private var next = 0
    private var served = 0
    /// How often turns with `match` and `times` were served, by their index in the script.
    private var matched: [Int: Int] = [:]

    /// The turn that answers after this message, as an index into the script; nil if none is left.
    func turn(after message: ScriptMessage?, in index: ScriptIndex) -> Int? {
        for turn in index.matching {
            if let times = index.turns[turn].times, matched[turn, default: 0] >= times { continue }
            if index.turns[turn].match?.accepts(message) == true { return turn }
        }
        return next < index.ordered.count ? index.ordered[next] : nil
    }

    /// Uses a turn up once, or, `wholly`, as often as it may be served.
    mutating func use(_ turn: Int, wholly: Bool = false, in index: ScriptIndex) {
        guard let times = index.turns[turn].times else { return }
        if index.turns[turn].match != nil {
            matched[turn] = wholly ? times : matched[turn, default: 0] + 1
            return
        }
        served += 1
        if wholly || served >= times {
            next += 1
            served = 0
        }
    }

    /// Uses up the turn that gave this assistant message, and the faults that came before it.
    mutating func pass(_ answer: ScriptMessage, after message: ScriptMessage?, in index: ScriptIndex) {
        while let turn = turn(after: message, in: index) {
            let isFault = index.turns[turn].fault != nil
            let gave = !isFault || index.turns[turn].mayHaveGiven(answer)
            // A fault that never gives way cannot be passed, whoever gave the answer.
            if gave || index.turns[turn].times == nil { return use(turn, in: index) }
            use(turn, wholly: true, in: index)
        }
    }
}

/// A script's turns, sorted by how they are found.
struct ScriptIndex: Sendable {
    let turns: [ScriptTurn]
    let matching: [Int]
    let ordered: [Int]

    init(_ script: ModelScript) {
        turns = script.turns
        matching = script.turns.indices.filter { script.turns[$0].match != nil }
        ordered = script.turns.indices.filter { script.turns[$0].match == nil }
    }
}

extension ScriptTurn {
    /// Whether this assistant message can be what a client kept of this faulty turn when it left before the fault.
    fileprivate func mayHaveGiven(_ answer: ScriptMessage) -> Bool {
        guard answer.calls.isEmpty, !answer.content.isEmpty, text.hasPrefix(answer.content) else { return false }
        let sent = pieces.prefix(tokensSent).reduce(0) { count, piece in
            if case .text(let token) = piece { count + token.utf8.count } else { count }
        }
        return answer.content.utf8.count <= sent
    }
}
