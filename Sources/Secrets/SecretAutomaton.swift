/// Finds all of some values in one pass over a text (Aho and Corasick, 1975).
///
/// Most states have one next byte: lists of them take less room than a table. Texts are nearly always at state 0, which
/// has one.
final class SecretAutomaton: @unchecked Sendable {
    // Sendable: what the pointers point to is written before `init` returns and freed in `deinit`, never changed between.

    /// Which beginning of a value the bytes so far end with, the longest there is. 0: none.
    typealias State = Int32

    private struct Node {
        /// The last of its bytes.
        var byte: UInt8
        /// How many bytes of a value have been seen.
        var depth: Int32
        /// How many bytes the longest value has that ends here; 0: none does.
        var length: Int32 = 0
        /// How many of the last bytes may go on to become a value.
        var open: Int32 = 0
        /// The first state with one byte more; 0: none.
        var child: State = 0
        /// The next state with the same bytes before its last; 0: none.
        var sibling: State = 0
        /// Where it goes on when the next byte is none of its own: the longest other beginning that its bytes end with.
        var failure: State = 0
    }

    private let nodes: UnsafeMutablePointer<Node>
    private let count: Int
    /// Where state 0 goes on, by the next byte.
    private let root: UnsafeMutablePointer<State>
    /// For each byte whether nothing begins with it, neither a value nor an escape.
    private let isPlain: UnsafeMutablePointer<Bool>
    /// For each byte that is not plain a set of 256 bits: the bytes before which it counts. Before others it is passed.
    private let counts: UnsafeMutablePointer<UInt64>

    /// - Parameter values: each of two bytes or more.
    init(_ values: some Sequence<[UInt8]>) {
        var tree = Tree()
        for value in values { tree.add(value) }
        tree.link()
        count = tree.nodes.count
        nodes = .allocate(capacity: count)
        root = .allocate(capacity: 256)
        isPlain = .allocate(capacity: 256)
        counts = .allocate(capacity: 4 * 256)
        counts.initialize(repeating: 0, count: 4 * 256)
        for (index, node) in tree.nodes.enumerated() { (nodes + index).initialize(to: node) }
        for byte in UInt8.min...UInt8.max {
            (root + Int(byte)).initialize(to: tree.root[Int(byte)])
            let isPlain = tree.root[Int(byte)] == 0 && !Escape.canBegin(with: byte)
            (self.isPlain + Int(byte)).initialize(to: isPlain)
            if isPlain { continue }
            for next in UInt8.min...UInt8.max {
                // Whether an escape stands for the second byte of a value is not seen here.
                guard
                    Escape.canBegin(with: byte) || Escape.canBegin(with: next)
                        || child(of: tree.root[Int(byte)], next) != 0
                else { continue }
                counts[4 * Int(byte) + Int(next >> 6)] |= 1 << UInt64(next & 63)
            }
        }
    }

    deinit {
        nodes.deallocate()
        root.deallocate()
        isPlain.deallocate()
        counts.deallocate()
    }

    /// Takes bytes from a place on up to one with which an escape may begin, or to the end.
    ///
    /// - Parameter found: called with the place after a value, and with its length.
    /// - Returns: the place that was come to.
    @inline(__always)
    func scan(
        _ bytes: UnsafeRawBufferPointer, from start: Int, _ state: inout State,
        found: (_ end: Int, _ length: Int) -> Void
    ) -> Int {
        var (current, position) = (state, start)
        let (count, root, isPlain, counts) = (bytes.count, root, isPlain, counts)
        while true {
            if current == 0 {
                while position < count {
                    let byte = Int(bytes[position])
                    if !isPlain[byte] {
                        guard position + 1 < count, case let next = bytes[position + 1],
                            counts[4 * byte + Int(next >> 6)] >> UInt64(next & 63) & 1 == 0
                        else { break }
                    }
                    position += 1
                }
            }
            guard position < count, case let byte = bytes[position], !Escape.canBegin(with: byte) else { break }
            current = current == 0 ? root[Int(byte)] : next(current, byte)
            position += 1
            let length = length(current)
            if length > 0 { found(position, length) }
        }
        state = current
        return position
    }

    /// Passes an escape, at state 0, that no value begins with.
    ///
    /// - Returns: a place in it up to which nothing began; nil: something may begin, or the bytes end too soon to tell.
    @inline(never)
    func pass(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
        let (first, count) = (bytes[start], bytes.count)
        guard root[Int(first)] == 0 else { return nil }
        var position = start + 1
        if first == UInt8(ascii: "%") {
            guard position < count else { return nil }
            guard let high = Escape.hexadecimal(bytes[position]) else { return position }
            guard position + 1 < count else { return nil }
            guard let low = Escape.hexadecimal(bytes[position + 1]) else { return position }
            let read = UInt8(high << 4 | low)
            return read == UInt8(ascii: "%") || root[Int(read)] != 0 ? nil : position
        }
        while position < count, bytes[position] == UInt8(ascii: "\\") { position += 1 }
        guard position < count else { return nil }
        if bytes[position] != UInt8(ascii: "u") {
            guard let read = Escape.afterBackslash(bytes[position]) else { return position }
            return root[Int(read)] == 0 ? position : nil
        }
        var value: UInt32 = 0
        for place in position + 1..<position + 5 {
            guard place < count else { return nil }
            guard let digit = Escape.hexadecimal(bytes[place]) else { return position }
            value = value << 4 | digit
        }
        guard let scalar = Unicode.Scalar(value) else { return position }
        return root[Int(scalar.utf8[0])] == 0 ? position : nil
    }

    /// State 0, or one that has been returned, and a byte.
    func next(_ state: State, _ wanted: UInt8) -> State {
        var state = state
        while state != 0 {
            var child = nodes[Int(state)].child
            while child != 0 {
                if nodes[Int(child)].byte == wanted { return child }
                child = nodes[Int(child)].sibling
            }
            state = nodes[Int(state)].failure
        }
        return root[Int(wanted)]
    }

    func depth(_ state: State) -> Int { Int(nodes[Int(state)].depth) }

    /// How many of the last bytes may go on to become a value: fewer than its depth where nothing can follow.
    func open(_ state: State) -> Int { Int(nodes[Int(state)].open) }

    func length(_ state: State) -> Int { Int(nodes[Int(state)].length) }

    // MARK: - Beginnings of values, each for itself

    /// The same beginning with one byte more; 0: no value has it.
    func child(of state: State, _ byte: UInt8) -> State {
        if state == 0 { return root[Int(byte)] }
        var child = nodes[Int(state)].child
        while child != 0, nodes[Int(child)].byte != byte { child = nodes[Int(child)].sibling }
        return child
    }

    /// Whether this beginning is all of a value.
    func isValue(_ state: State) -> Bool { nodes[Int(state)].length == nodes[Int(state)].depth }

    /// Whether this is the beginning of a value that is longer.
    func canGoOn(_ state: State) -> Bool { nodes[Int(state)].child != 0 }

    /// All beginnings of values with which the bytes end that lead to a state, except those that cannot go on.
    func forEachBeginning(_ state: State, _ body: (_ state: State, _ depth: Int) -> Void) {
        var state = state
        while state != 0 {
            if canGoOn(state) { body(state, depth(state)) }
            state = nodes[Int(state)].failure
        }
    }

    private struct Tree {
        var nodes = [Node(byte: 0, depth: 0)]
        var root = [State](repeating: 0, count: 256)

        mutating func add(_ value: [UInt8]) {
            var state: State = 0
            for byte in value { state = child(of: state, byte) ?? addChild(of: state, byte) }
            nodes[Int(state)].length = Int32(value.count)
        }

        private func child(of state: State, _ byte: UInt8) -> State? {
            if state == 0 { return root[Int(byte)] == 0 ? nil : root[Int(byte)] }
            var child = nodes[Int(state)].child
            while child != 0, nodes[Int(child)].byte != byte { child = nodes[Int(child)].sibling }
            return child == 0 ? nil : child
        }

        private mutating func addChild(of state: State, _ byte: UInt8) -> State {
            let new = State(nodes.count)
            nodes.append(Node(byte: byte, depth: nodes[Int(state)].depth + 1))
            if state == 0 {
                root[Int(byte)] = new
            } else {
                nodes[Int(new)].sibling = nodes[Int(state)].child
                nodes[Int(state)].child = new
            }
            return new
        }

        /// Breadth first: what a state fails to is less deep.
        mutating func link() {
            var queue = root.filter { $0 != 0 }
            var position = 0
            while position < queue.count {
                let state = Int(queue[position])
                position += 1
                let failure = nodes[Int(nodes[state].failure)]
                nodes[state].length = max(nodes[state].length, failure.length)
                nodes[state].open = nodes[state].child == 0 ? failure.open : nodes[state].depth
                var next = nodes[state].child
                while next != 0 {
                    let byte = nodes[Int(next)].byte
                    var candidate = nodes[state].failure
                    while candidate != 0, child(of: candidate, byte) == nil {
                        candidate = nodes[Int(candidate)].failure
                    }
                    nodes[Int(next)].failure = child(of: candidate, byte) ?? 0
                    queue.append(next)
                    next = nodes[Int(next)].sibling
                }
            }
        }
    }
}
