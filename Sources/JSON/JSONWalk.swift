/// A document while its memory is held: values are looked at without counting references.
///
/// Only inside of `JSONDocument.withWalk`.
struct JSONWalk {
    let bytes: UnsafeBufferPointer<UInt8>
    let nodes: UnsafeBufferPointer<JSONDocument.Node>

    @inline(__always)
    func kind(_ index: Int) -> JSONDocument.Kind { nodes[index].kind }

    @inline(__always)
    func next(_ index: Int) -> Int { Int(nodes[index].next) }

    @inline(__always)
    func count(_ index: Int) -> Int { Int(nodes[index].count) }

    @inline(__always)
    func text(_ index: Int) -> UnsafeBufferPointer<UInt8> {
        let node = nodes[index]
        return UnsafeBufferPointer(rebasing: bytes[Int(node.offset)..<Int(node.offset) + Int(node.length)])
    }

    func number(_ index: Int) -> JSONNumber { JSONNumber(text(index)) }

    /// The value of a member.
    func member(_ name: [UInt8], of index: Int) -> Int? {
        name.withUnsafeBufferPointer { member($0, of: index) }
    }

    func member(_ name: UnsafeBufferPointer<UInt8>, of index: Int) -> Int? {
        var child = index + 1
        while child < next(index) {
            if JSONBytes.compare(text(child), name) == 0 { return child + 1 }
            child = next(child + 1)
        }
        return nil
    }

    /// What reading all of a value costs, in steps of the validator.
    func cost(of index: Int) -> Int {
        nodes[index..<next(index)].reduce(0) { $0 + 1 + Int($1.length) / 64 }
    }

    /// The JSON pointer to a value, or to the value of a key; long names in it are cut.
    func pointer(to target: Int) -> String {
        var pointer = ""
        var index = 0
        while index < target {
            let isObject = kind(index) == .object
            var child = index + 1
            var number = 0
            while target >= next(isObject ? child + 1 : child) {
                child = next(isObject ? child + 1 : child)
                number += 1
            }
            pointer +=
                "/" + (isObject ? JSONPointer.shownPart(String(decoding: text(child), as: UTF8.self)) : "\(number)")
            if target == child { return pointer }
            index = isObject ? child + 1 : child
        }
        return pointer
    }

    /// Equal values have equal hashes: 1 and 1.0, and objects whatever the order of their members.
    ///
    /// It recurses as deep as the document is, which is bounded.
    func hash(of index: Int) -> UInt64 {
        var hash = JSONHash(UInt64(kind(index).rawValue) + 1)
        switch kind(index) {
        case .null, .true, .false: break
        case .number: hash.mix(number(index).hash)
        case .string: hash.mix(text(index))
        case .array:
            var child = index + 1
            while child < next(index) {
                hash.mix(self.hash(of: child))
                child = next(child)
            }
        case .object:
            var sum: UInt64 = 0
            var child = index + 1
            while child < next(index) {
                var member = JSONHash(self.hash(of: child))
                member.mix(self.hash(of: child + 1))
                sum &+= member.value
                child = next(child + 1)
            }
            hash.mix(sum)
        }
        return hash.value
    }

    /// Whether two values, of two documents perhaps, are equal as JSON Schema has it.
    ///
    /// - Parameter steps: what it costs is taken off; below 0 the result means nothing. Members are looked up one by one,
    ///   which only who made the values' hashes equal can make dear.
    func isEqual(_ index: Int, _ other: JSONWalk, _ otherIndex: Int, _ steps: inout Int) -> Bool {
        steps -= 1
        guard steps >= 0, kind(index) == other.kind(otherIndex) else { return false }
        switch kind(index) {
        case .null, .true, .false: return true
        case .number: return JSONNumber.compare(number(index), other.number(otherIndex)) == 0
        case .string: return JSONBytes.compare(text(index), other.text(otherIndex)) == 0
        case .array:
            guard count(index) == other.count(otherIndex) else { return false }
            var (child, otherChild) = (index + 1, otherIndex + 1)
            while child < next(index) {
                guard isEqual(child, other, otherChild, &steps) else { return false }
                (child, otherChild) = (next(child), other.next(otherChild))
            }
            return true
        case .object:
            guard count(index) == other.count(otherIndex) else { return false }
            steps -= other.count(otherIndex) * count(index) / 16
            guard steps >= 0 else { return false }
            var child = index + 1
            while child < next(index) {
                guard let member = other.member(text(child), of: otherIndex),
                    isEqual(child + 1, other, member, &steps)
                else { return false }
                child = next(child + 1)
            }
            return true
        }
    }
}

extension JSONDocument {
    func withWalk<Result>(_ body: (JSONWalk) -> Result) -> Result {
        bytes.withUnsafeBufferPointer { bytes in
            nodes.withUnsafeBufferPointer { body(JSONWalk(bytes: bytes, nodes: $0)) }
        }
    }

    func withNumber<Result>(_ index: Int, _ body: (JSONNumber) -> Result) -> Result {
        withWalk { body($0.number(index)) }
    }
}
