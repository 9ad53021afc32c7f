public import FermataProtocol
internal import SwiftProtobuf

extension Run {
    /// An ask that has no answer. Its question and context stay in the journal.
    public struct OpenAsk: Sendable, Equatable {
        public let opened: FermataAskOpened
        /// How far the clock that the deadline was told by was ahead of the steady clock, µs.
        fileprivate(set) var lead: Int64

        fileprivate init(_ opened: FermataAskOpened, lead: Int64) {
            self.lead = lead
            var opened = opened
            opened.question = ""
            opened.context = ""
            opened.arguments = ""
            self.opened = opened
        }

        public var number: UInt32 { opened.number }
        var call: UInt32 { opened.call }
        public var kind: FermataAskKind { opened.kind }
        /// µs of the steady clock; nil: none.
        var deadline: Int64? { opened.deadlineAt > 0 ? min(opened.deadlineAt, Run.latestTime) &- lead : nil }

        /// Nothing of the run goes on before it is answered, though no call waits for it.
        var isAboutTheTurn: Bool { kind == .budget || kind == .stuck }
    }

    /// Asks: those that are open, in the order of their numbers.
    public struct Asks: Sendable, Equatable, RandomAccessCollection {
        /// What became of an ask that is not open.
        enum Fate {
            case answered, closed, expired
            /// It was long ago.
            case forgotten
        }

        private var list: [OpenAsk] = []
        private var unanswered = RecentNumbers()
        /// Their deadline came.
        private var expired = RecentNumbers()
        /// How many there have been: they are numbered from 1.
        private(set) var last: UInt32 = 0
        /// Open asks of calls, and about the turn.
        private(set) var ofCalls = 0
        private(set) var aboutTheTurn = 0
        /// The number of the open one about a wait; 0: there is none.
        private(set) var ofWait: UInt32 = 0
        /// The deadlines of open asks with their numbers, the earliest first.
        private var deadlines: [Deadline] = []

        private struct Deadline: Sendable, Equatable {
            let time: Int64
            let number: UInt32
        }

        init() {}

        public var startIndex: Int { 0 }
        public var endIndex: Int { list.count }
        public subscript(index: Int) -> OpenAsk { list[index] }

        /// The ask of this number, if it is open.
        public subscript(number number: UInt32) -> OpenAsk? {
            list.place(of: number, by: \.number).map { list[$0] }
        }

        /// The open ask that a call waits for.
        subscript(of call: Call) -> OpenAsk? {
            guard let ask = self[number: call.ask], ask.call == call.number else { return nil }
            return ask
        }

        /// The one whose deadline comes first.
        var mostUrgent: OpenAsk? { deadlines.first.flatMap { self[number: $0.number] } }

        /// - Precondition: there has been such an ask, and it is not open.
        func fate(of number: UInt32) -> Fate {
            if expired.contains(number) { return .expired }
            if unanswered.contains(number) { return .closed }
            return RecentNumbers.remembers(number, of: last) ? .answered : .forgotten
        }

        mutating func apply(_ ask: FermataAskOpened, lead: Int64) {
            last = Swift.max(last, ask.number)
            let ask = OpenAsk(ask, lead: lead)
            list.append(ask)
            note(ask)
        }

        /// - Returns: the ask, if it was open.
        mutating func apply(_ answer: FermataAskAnswered) -> OpenAsk? {
            let ask = remove(answer.number)
            if ask != nil, answer.via == .viaDeadline { expired.insert(answer.number, last: last) }
            return ask
        }

        /// - Returns: the ask, if it was open.
        mutating func apply(_ closed: FermataAskClosed) -> OpenAsk? {
            unanswered.insert(closed.number, last: last)
            if closed.expired { expired.insert(closed.number, last: last) }
            return remove(closed.number)
        }

        /// Waits were measured by another server's steady clock: from now on they are by this one's.
        mutating func measureWaits(lead: Int64) {
            for index in list.indices { list[index].lead = lead }
            count()
        }

        private mutating func remove(_ number: UInt32) -> OpenAsk? {
            guard let index = list.place(of: number, by: \.number) else { return nil }
            let ask = list.remove(at: index)
            if ask.call > 0 { ofCalls -= 1 }
            if ask.isAboutTheTurn { aboutTheTurn -= 1 }
            if ask.number == ofWait { ofWait = 0 }
            if let deadline = ask.deadline {
                deadlines.remove(at: place(ofDeadline: deadline, number))
            }
            return ask
        }

        private mutating func count() {
            (ofCalls, aboutTheTurn, ofWait, deadlines) = (0, 0, 0, [])
            for ask in list { note(ask) }
        }

        private mutating func note(_ ask: OpenAsk) {
            if ask.call > 0 { ofCalls += 1 }
            if ask.isAboutTheTurn { aboutTheTurn += 1 }
            if ask.kind == .limit { ofWait = ask.number }
            if let deadline = ask.deadline {
                deadlines.insert(
                    Deadline(time: deadline, number: ask.number), at: place(ofDeadline: deadline, ask.number))
            }
        }

        /// Where it is, or would be.
        private func place(ofDeadline time: Int64, _ number: UInt32) -> Int {
            var (low, high) = (0, deadlines.count)
            while low < high {
                let middle = (low + high) / 2
                if (deadlines[middle].time, deadlines[middle].number) < (time, number) {
                    low = middle + 1
                } else {
                    high = middle
                }
            }
            return low
        }
    }
}

// MARK: - Snapshot

extension Run.Asks {
    init(_ snapshot: SnapshotAsks) {
        list = snapshot.open.map { Run.OpenAsk($0.opened, lead: $0.lead) }
        unanswered = RecentNumbers(snapshot.unanswered)
        expired = RecentNumbers(snapshot.expired)
        last = snapshot.last
        count()
    }

    var snapshot: SnapshotAsks {
        .with {
            $0.open = list.map { ask in
                .with {
                    $0.opened = ask.opened
                    $0.lead = ask.lead
                }
            }
            $0.unanswered = unanswered.all
            $0.expired = expired.all
            $0.last = last
        }
    }
}
