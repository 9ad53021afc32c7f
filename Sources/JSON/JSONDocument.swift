/// A JSON text, read once: members in their order, numbers with their digits.
///
/// The values stand in one flat array in the order of the text, each with the index behind its last part: reading it
/// takes no recursion and two allocations, and whoever walks it needs an index only. Arrays come before their elements;
/// objects before their members, each of which is a key (a string) and its value.
package struct JSONDocument: Sendable {
    package enum Kind: UInt8, Sendable {
        case null, `false`, `true`, number, string, array, object
    }

    struct Node {
        var kind: Kind
        /// Of the bytes of a number or of a string, unescaped. For others, where they begin.
        var offset: UInt32
        var length: UInt32
        /// The index behind this value and all that is in it.
        var next: UInt32
        /// How many elements or members.
        var count: UInt32
    }

    /// The text, then the strings that have escapes, unescaped.
    private(set) var bytes: [UInt8]
    private(set) var nodes: ContiguousArray<Node> = []
    private var textLength = 0

    /// - Throws: `JSONFault`. An object with two keys of the same bytes is one: who shows such a text for approval and who
    ///   acts on it could mean different values.
    package init(
        parsing bytes: [UInt8], _ rules: JSONTokenizer.Rules = .init(checksUTF8: true)
    ) throws(JSONFault) {
        guard bytes.count < Int(UInt32.max) / 2 else { throw JSONFault(kind: .tooLong, offset: 0) }
        self.bytes = bytes
        textLength = bytes.count
        nodes.reserveCapacity(bytes.count / 12 + 4)
        var unescaped: [UInt8] = []
        // Typed throws do not go through the closure of withUnsafeBufferPointer.
        var fault: JSONFault?
        bytes.withUnsafeBufferPointer { text in
            do throws(JSONFault) {
                try read(text, rules, &unescaped)
            } catch let caught {
                fault = caught
            }
        }
        if let fault { throw fault }
        if !unescaped.isEmpty { self.bytes += unescaped }
    }

    package init(parsing text: String, maximumDepth: Int = 64) throws(JSONFault) {
        try self.init(parsing: Array(text.utf8), .init(maximumDepth: maximumDepth))
    }

    private mutating func read(
        _ text: UnsafeBufferPointer<UInt8>, _ rules: JSONTokenizer.Rules, _ unescaped: inout [UInt8]
    ) throws(JSONFault) {
        var tokenizer = JSONTokenizer(text, rules)
        var open: [Int] = []
        while let token = try tokenizer.next() {
            let kind: Kind
            switch token.kind {
            case .end:
                let index = open.removeLast()
                nodes[index].next = UInt32(nodes.count)
                guard nodes[index].kind == .object else { continue }
                if let twice = duplicateKey(of: index, text, unescaped) {
                    throw JSONFault(kind: .duplicateKey, offset: twice)
                }
                continue
            case .null: kind = .null
            case .false: kind = .false
            case .true: kind = .true
            case .number: kind = .number
            case .string, .key: kind = .string
            case .array: kind = .array
            case .object: kind = .object
            }
            var (offset, length) = (token.range.lowerBound, token.range.count)
            if token.isEscaped {
                let start = unescaped.count
                JSONText.appendUnescaped(text[token.range], to: &unescaped)
                (offset, length) = (text.count + start, unescaped.count - start)
            }
            if let parent = open.last, nodes[parent].kind == .array || token.kind == .key { nodes[parent].count += 1 }
            nodes.append(
                Node(
                    kind: kind, offset: UInt32(offset), length: UInt32(length), next: UInt32(nodes.count + 1), count: 0)
            )
            if kind == .array || kind == .object { open.append(nodes.count - 1) }
        }
    }

    /// - Returns: where in the text the second of two equal keys is; the object, if this key has escapes.
    private func duplicateKey(
        of object: Int, _ text: UnsafeBufferPointer<UInt8>, _ unescaped: [UInt8]
    ) -> Int? {
        let count = Int(nodes[object].count)
        guard count > 1 else { return nil }
        func place(_ key: Int) -> Int {
            let offset = Int(nodes[key].offset)
            return offset < text.count ? offset - 1 : Int(nodes[object].offset)
        }
        return unescaped.withUnsafeBufferPointer { unescaped in
            func key(_ index: Int) -> UnsafeBufferPointer<UInt8> {
                let (offset, length) = (Int(nodes[index].offset), Int(nodes[index].length))
                let from = offset < text.count || length == 0 ? text : unescaped
                let start = length == 0 ? 0 : offset < text.count ? offset : offset - text.count
                return UnsafeBufferPointer(rebasing: from[start..<start + length])
            }
            var keys: [Int] = []
            keys.reserveCapacity(count)
            var index = object + 1
            for _ in 0..<count {
                if count <= 8, keys.contains(where: { JSONBytes.compare(key($0), key(index)) == 0 }) {
                    return place(index)
                }
                keys.append(index)
                index = Int(nodes[index + 1].next)
            }
            guard count > 8 else { return nil }
            keys.sort { left, right in
                let order = JSONBytes.compare(key(left), key(right))
                return order == 0 ? left < right : order < 0
            }
            var first: Int?
            for (left, right) in zip(keys, keys.dropFirst()) where JSONBytes.compare(key(left), key(right)) == 0 {
                first = min(first ?? right, right)
            }
            return first.map(place)
        }
    }
}

// MARK: - Walking

extension JSONDocument {
    /// How many values it consists of, keys included.
    package var count: Int { nodes.count }

    package func kind(_ index: Int) -> Kind { nodes[index].kind }

    /// Where a value is in the text; 0 for a string that has escapes.
    package func offset(of index: Int) -> Int {
        let offset = Int(nodes[index].offset) - (nodes[index].kind == .string ? 1 : 0)
        return offset < textLength ? offset : 0
    }

    /// The first number that no finite double is near to.
    package var firstNumberBeyondDoubles: Int? {
        withWalk { walk in
            walk.nodes.indices.first { index in
                // Most numbers are short, and none of at most 300 digits without an exponent is so large.
                guard walk.nodes[index].kind == .number, walk.number(index).magnitude >= 309 else { return false }
                return Double(text(index)).map { !$0.isFinite } ?? true
            }
        }
    }

    /// The text of a string or the digits of a number.
    package func text(_ index: Int) -> String {
        let node = nodes[index]
        return String(decoding: bytes[Int(node.offset)..<Int(node.offset + node.length)], as: UTF8.self)
    }

    /// A value as JSON again, without white space: strings with the shortest escapes, numbers with their digits.
    package func source(_ index: Int) -> String {
        var writer = JSONWriter()
        write(index, to: &writer)
        return writer.text
    }

    /// It recurses as deep as the document is, which is bounded.
    private func write(_ index: Int, to output: inout JSONWriter) {
        let node = nodes[index]
        switch node.kind {
        case .null: output.append("null")
        case .true: output.append("true")
        case .false: output.append("false")
        case .number, .string:
            bytes.withUnsafeBufferPointer {
                let own = UnsafeBufferPointer(rebasing: $0[Int(node.offset)..<Int(node.offset + node.length)])
                if node.kind == .string { output.append(string: own) } else { output.append(own) }
            }
        case .array, .object:
            let isObject = node.kind == .object
            output.append(isObject ? UInt8(ascii: "{") : UInt8(ascii: "["))
            var child = index + 1
            while child < Int(node.next) {
                if child > index + 1 { output.append(UInt8(ascii: ",")) }
                write(child, to: &output)
                if isObject {
                    child += 1
                    output.append(UInt8(ascii: ":"))
                    write(child, to: &output)
                }
                child = Int(nodes[child].next)
            }
            output.append(isObject ? UInt8(ascii: "}") : UInt8(ascii: "]"))
        }
    }

    /// The elements of an array; none of anything else.
    package func elements(_ index: Int) -> [Int] {
        guard nodes[index].kind == .array else { return [] }
        var elements: [Int] = []
        elements.reserveCapacity(Int(nodes[index].count))
        var child = index + 1
        while child < Int(nodes[index].next) {
            elements.append(child)
            child = Int(nodes[child].next)
        }
        return elements
    }

    /// The members of an object in their order; none of anything else.
    package func members(_ index: Int) -> [(key: String, value: Int)] {
        guard nodes[index].kind == .object else { return [] }
        var members: [(key: String, value: Int)] = []
        members.reserveCapacity(Int(nodes[index].count))
        var child = index + 1
        while child < Int(nodes[index].next) {
            members.append((text(child), child + 1))
            child = Int(nodes[child + 1].next)
        }
        return members
    }

    /// The value of a member; nil if there is none, or this is no object.
    package func member(_ name: String, of index: Int) -> Int? {
        guard nodes[index].kind == .object else { return nil }
        let wanted = Array(name.utf8)
        var child = index + 1
        while child < Int(nodes[index].next) {
            let node = nodes[child]
            if node.length == wanted.count,
                bytes[Int(node.offset)..<Int(node.offset + node.length)].elementsEqual(wanted)
            {
                return child + 1
            }
            child = Int(nodes[child + 1].next)
        }
        return nil
    }

    /// The value that a part of a JSON pointer leads to.
    func child(_ part: String, of index: Int) -> Int? {
        if nodes[index].kind == .object { return member(part, of: index) }
        guard nodes[index].kind == .array, let number = JSONPointer.index(part), number < Int(nodes[index].count) else {
            return nil
        }
        return elements(index)[number]
    }

    /// What a JSON pointer points at; nil if there is nothing.
    package func value(at pointer: String) -> Int? {
        guard let parts = JSONPointer.parts(pointer) else { return nil }
        var index = 0
        for part in parts {
            guard let child = child(part, of: index) else { return nil }
            index = child
        }
        return index
    }

    /// The JSON pointer to a value, or to the value of a key; long names in it are cut.
    func pointer(to target: Int) -> String { withWalk { $0.pointer(to: target) } }
}

enum JSONBytes {
    /// By length, then by bytes: less than 0, 0, or more.
    @inline(__always)
    static func compare(_ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeBufferPointer<UInt8>) -> Int {
        guard left.count == right.count else { return left.count < right.count ? -1 : 1 }
        for index in 0..<left.count where left[index] != right[index] {
            return left[index] < right[index] ? -1 : 1
        }
        return 0
    }
}

// MARK: - Gathering

extension JSONDocument {
    /// A store for values of other documents: no text by itself.
    init() { bytes = [] }

    /// Appends a copy of a value.
    ///
    /// - Returns: the copy's index.
    mutating func append(_ index: Int, of other: JSONDocument) -> Int {
        let start = nodes.count
        for var node in other.nodes[index..<Int(other.nodes[index].next)] {
            if node.kind == .string || node.kind == .number {
                let range = Int(node.offset)..<Int(node.offset + node.length)
                node.offset = UInt32(bytes.count)
                bytes.append(contentsOf: other.bytes[range])
            }
            node.next = UInt32(Int(node.next) - index + start)
            nodes.append(node)
        }
        return start
    }
}
