/// A POSIX extended regular expression, as a policy's condition has it; see IEEE Std 1003.1, section 9.4.
///
/// frozen: events from before they had the policy's verdict are judged by it when they are folded.
///
/// A matcher of its own: what is matched comes from models, and the loop waits for it. glibc's takes memory without
/// bound to compile some expressions of thirty bytes (`a++++…`), and seconds to match others against 16 KiB. This one
/// follows all ways through the expression at once: its time is at most the product of both lengths. What the
/// standard leaves undefined (`\d`, `a**`, `(|a)`) and what costs (back-references) is no expression here.
struct Pattern: Sendable {
    /// Where matching begins.
    private var program: [Instruction] = []

    /// Bytes of an expression at most, and of what is searched.
    static let maximumLength = 256
    static let maximumSubjectLength = 16 << 10
    /// Instructions at most, with all counts written out.
    static let maximumSize = 1000

    enum Instruction: Sendable {
        case one(CharacterSet)
        /// Goes on at both, relative to here.
        case fork(Int, Int)
        case atStart
        case atEnd
        case found
    }

    /// nil if the text is no expression that is taken here.
    init?(_ text: String) {
        guard text.utf8.count <= Pattern.maximumLength else { return nil }
        var parser = PatternParser(text)
        guard let expression = parser.parse(), expression.size < Pattern.maximumSize else { return nil }
        expression.write(to: &program)
        program.append(.found)
    }

    /// Whether there is any text in which it is found: not with `$` before something, nor with `^` after something.
    var canBeFound: Bool {
        // Places in the program, by whether characters came before, and whether the end has been.
        struct Way: Hashable {
            var place: Int
            var hasBegun: Bool
            var hasEnded: Bool
        }
        var known: Set<Way> = []
        // Where it begins in the midst of a text, characters came before.
        var pending = [Way(place: 0, hasBegun: false, hasEnded: false), Way(place: 0, hasBegun: true, hasEnded: false)]
        while var way = pending.popLast() {
            guard known.insert(way).inserted else { continue }
            let instruction = program[way.place]
            way.place += 1
            switch instruction {
            case .found: return true
            case .one:
                way.hasBegun = true
                if !way.hasEnded { pending.append(way) }
            case .fork(let one, let other):
                way.place -= 1
                for offset in [one, other] {
                    var next = way
                    next.place += offset
                    pending.append(next)
                }
            case .atStart: if !way.hasBegun { pending.append(way) }
            case .atEnd:
                way.hasEnded = true
                pending.append(way)
            }
        }
        return false
    }

    /// Whether the expression is found anywhere in the text; nil if the text is too long to be searched.
    func isFound(in text: String) -> Bool? {
        guard text.utf8.count <= Pattern.maximumSubjectLength else { return nil }
        var threads = Threads(capacity: program.count)
        var next = Threads(capacity: program.count)
        var isAtStart = true
        for scalar in text.unicodeScalars {
            if threads.add(0, program, isAtStart: isAtStart, isAtEnd: false) { return true }
            next.removeAll()
            for place in threads.places {
                guard case .one(let characters) = program[place], characters.contains(scalar.value) else { continue }
                // The end is looked at below, where it is known.
                if next.add(place + 1, program, isAtStart: false, isAtEnd: false) { return true }
            }
            swap(&threads, &next)
            isAtStart = false
        }
        // Everything again that has come this far, this time at the end.
        next.removeAll()
        if next.add(0, program, isAtStart: isAtStart, isAtEnd: true) { return true }
        return threads.places.contains { next.add($0, program, isAtStart: isAtStart, isAtEnd: true) }
    }

    /// The places in the program that have been reached, each once, in one pass over the text.
    private struct Threads {
        private(set) var places: [Int] = []
        private var isReached: [Bool]
        private var pending: [Int] = []

        init(capacity: Int) { isReached = Array(repeating: false, count: capacity) }

        mutating func removeAll() {
            for place in places { isReached[place] = false }
            places.removeAll(keepingCapacity: true)
        }

        /// - Returns: whether the expression is found.
        mutating func add(_ place: Int, _ program: [Instruction], isAtStart: Bool, isAtEnd: Bool) -> Bool {
            pending.append(place)
            while let place = pending.popLast() {
                if isReached[place] { continue }
                isReached[place] = true
                places.append(place)
                switch program[place] {
                case .one: break
                case .fork(let one, let other): pending += [place + one, place + other]
                case .atStart: if isAtStart { pending.append(place + 1) }
                case .atEnd: if isAtEnd { pending.append(place + 1) }
                case .found:
                    pending.removeAll()
                    return true
                }
            }
            return false
        }
    }
}

/// What one character of an expression matches: ranges of scalars, in order and apart.
struct CharacterSet: Sendable {
    private let ranges: [ClosedRange<UInt32>]

    static let all = CharacterSet([0...UInt32.max])

    init(_ ranges: [ClosedRange<UInt32>], isInverted: Bool = false) {
        var merged: [ClosedRange<UInt32>] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = merged.last, range.lowerBound <= last.upperBound {
                merged[merged.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                merged.append(range)
            }
        }
        guard isInverted else {
            self.ranges = merged
            return
        }
        var rest: [ClosedRange<UInt32>] = []
        var next: UInt32 = 0
        for range in merged {
            if range.lowerBound > next { rest.append(next...(range.lowerBound - 1)) }
            next = range.upperBound + 1
        }
        self.ranges = rest + [next...UInt32.max]
    }

    func contains(_ scalar: UInt32) -> Bool {
        var (low, high) = (0, ranges.count)
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound < scalar { low = middle + 1 } else { high = middle }
        }
        return low < ranges.count && ranges[low].lowerBound <= scalar
    }
}
