/// A JSON number with all its digits, compared exactly. It costs time linear in its digits, whatever its exponent.
///
/// Exponents beyond 2^58 count as 2^58: such numbers are beyond all others, and equal to each other if their digits are.
/// The bytes have to outlive it.
struct JSONNumber {
    /// From the first to the last digit that is not 0, with the point if it lies between them.
    private let digits: UnsafeBufferPointer<UInt8>
    /// How many digits these are; 0 for the number 0.
    let digitCount: Int
    /// The value is 0.DIGITS × 10^magnitude.
    let magnitude: Int
    let isNegative: Bool
    /// The value, where it has no fraction and exponent and at most 18 digits.
    let small: Int?

    private static let maximumExponent = 1 << 58

    /// - Parameter text: a number by JSON's grammar.
    init(_ text: UnsafeBufferPointer<UInt8>) {
        var index = 0
        isNegative = text.first == UInt8(ascii: "-")
        if isNegative { index = 1 }
        let start = index
        var (point, first, last, seen) = (-1, -1, -1, 0)
        var small = 0
        while index < text.count {
            let byte = text[index]
            if byte == UInt8(ascii: ".") {
                point = seen
            } else if byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
                if byte != UInt8(ascii: "0") {
                    if first < 0 { first = index }
                    last = index
                }
                if seen < 18 { small = small * 10 + Int(byte - UInt8(ascii: "0")) }
                seen += 1
            } else {
                break
            }
            index += 1
        }
        let isPlain = point < 0 && index == text.count
        self.small = isPlain && seen <= 18 ? (isNegative ? -small : small) : nil
        guard first >= 0 else {
            (digits, digitCount, magnitude) = (UnsafeBufferPointer(rebasing: text[0..<0]), 0, 0)
            return
        }
        // Where the digits begin, counted in digits and not in bytes.
        let pointByte = point < 0 ? text.count : start + point
        let digitsBefore = first - start - (first > pointByte ? 1 : 0)
        digits = UnsafeBufferPointer(rebasing: text[first...last])
        digitCount = last - first + 1 - (first < pointByte && pointByte < last ? 1 : 0)
        let exponent = index < text.count ? Self.exponent(text[(index + 1)...]) : 0
        magnitude = (point < 0 ? seen : point) - digitsBefore + exponent
    }

    private static func exponent(_ text: Slice<UnsafeBufferPointer<UInt8>>) -> Int {
        var exponent = 0
        for byte in text where byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") {
            exponent = min(maximumExponent, exponent * 10 + Int(byte - UInt8(ascii: "0")))
        }
        return text.first == UInt8(ascii: "-") ? -exponent : exponent
    }

    var isZero: Bool { digitCount == 0 }

    /// Without a fraction: 1.0 and 1e2 are integers.
    var isInteger: Bool { magnitude >= digitCount }

    /// Calls `body` with each digit, from the first to the last that is not 0.
    @inline(__always)
    func forEachDigit(_ body: (UInt8) -> Void) {
        for byte in digits where byte != UInt8(ascii: ".") { body(byte - UInt8(ascii: "0")) }
    }

    /// Equal numbers have equal ones.
    var hash: UInt64 {
        guard !isZero else { return 0x9E37_79B9 }
        var hash = JSONHash(isNegative ? 2 : 1)
        hash.mix(UInt64(bitPattern: Int64(magnitude)))
        forEachDigit { hash.mix(UInt64($0)) }
        return hash.value
    }

    /// Less than 0, 0, or more.
    static func compare(_ left: JSONNumber, _ right: JSONNumber) -> Int {
        if let left = left.small, let right = right.small { return left < right ? -1 : left == right ? 0 : 1 }
        let (leftSign, rightSign) = (left.sign, right.sign)
        guard leftSign == rightSign else { return leftSign - rightSign }
        guard leftSign != 0 else { return 0 }
        return compareSizes(left, right) * leftSign
    }

    private var sign: Int { isZero ? 0 : isNegative ? -1 : 1 }

    private static func compareSizes(_ left: JSONNumber, _ right: JSONNumber) -> Int {
        guard left.magnitude == right.magnitude else { return left.magnitude < right.magnitude ? -1 : 1 }
        var (leftIndex, rightIndex) = (0, 0)
        while leftIndex < left.digits.count, rightIndex < right.digits.count {
            if left.digits[leftIndex] == UInt8(ascii: ".") { leftIndex += 1 }
            if right.digits[rightIndex] == UInt8(ascii: ".") { rightIndex += 1 }
            let (one, other) = (left.digits[leftIndex], right.digits[rightIndex])
            if one != other { return one < other ? -1 : 1 }
            leftIndex += 1
            rightIndex += 1
        }
        return (left.digits.count - leftIndex).signum() - (right.digits.count - rightIndex).signum()
    }

    /// Whether it is a multiple of another number, which is more than 0: exactly.
    ///
    /// - Parameter steps: what the work may cost; what it does cost is taken off. Below 0 the result means nothing.
    func isMultiple(of divisor: JSONNumber, _ steps: inout Int) -> Bool {
        guard !isZero else { return true }
        if let value = small, let divisor = divisor.small { return value % divisor == 0 }
        // As whole numbers times powers of ten.
        let power = (magnitude - digitCount) - (divisor.magnitude - divisor.digitCount)
        // The last digit is not 0: this cannot be a multiple of ten times something.
        guard power >= 0 else { return false }
        var remainder = DecimalRemainder(divisor)
        steps -= digitCount * remainder.limbCount / 2
        guard steps >= 0 else { return false }
        forEachDigit { remainder.append($0) }
        // With 0 the rest is 0.
        var left = min(power, steps * 2 / remainder.limbCount)
        let isWhole = left == power
        steps -= left * remainder.limbCount / 2
        while left > 0, !remainder.isZero {
            remainder.append(0)
            left -= 1
        }
        if !remainder.isZero, !isWhole { steps = -1 }
        return remainder.isZero
    }
}

/// The remainder of a long whole number, given digit by digit, divided by another one.
private struct DecimalRemainder {
    /// Of nine decimal digits each, the lowest first; one more than the divisor has, for what is not yet reduced.
    private var limbs: [UInt32]
    private let divisor: [UInt32]

    private static let base: UInt64 = 1_000_000_000

    init(_ divisor: JSONNumber) {
        var digits: [UInt8] = []
        divisor.forEachDigit { digits.append($0) }
        var limbs: [UInt32] = []
        var end = digits.count
        while end > 0 {
            let start = max(0, end - 9)
            limbs.append(digits[start..<end].reduce(0) { $0 * 10 + UInt32($1) })
            end = start
        }
        self.divisor = limbs + [0]
        self.limbs = Array(repeating: 0, count: limbs.count + 1)
    }

    var limbCount: Int { limbs.count }
    var isZero: Bool { limbs.allSatisfy { $0 == 0 } }

    mutating func append(_ digit: UInt8) {
        var carry = UInt64(digit)
        for index in limbs.indices {
            let value = UInt64(limbs[index]) * 10 + carry
            limbs[index] = UInt32(value % Self.base)
            carry = value / Self.base
        }
        // It was less than the divisor, so it is less than ten times the divisor now.
        while !isLessThanDivisor { subtractDivisor() }
    }

    private var isLessThanDivisor: Bool {
        for index in limbs.indices.reversed() where limbs[index] != divisor[index] {
            return limbs[index] < divisor[index]
        }
        return false
    }

    private mutating func subtractDivisor() {
        var borrow: Int64 = 0
        for index in limbs.indices {
            var value = Int64(limbs[index]) - Int64(divisor[index]) - borrow
            borrow = value < 0 ? 1 : 0
            if value < 0 { value += Int64(Self.base) }
            limbs[index] = UInt32(value)
        }
    }
}

/// A hash that is the same in every process. Who can choose values can make two equal; whoever compares by it counts
/// what comparing costs.
struct JSONHash {
    private(set) var value: UInt64

    init(_ seed: UInt64) { value = seed &* 0x9E37_79B9_7F4A_7C15 }

    @inline(__always)
    mutating func mix(_ word: UInt64) {
        value = (value ^ word) &* 0xFF51_AFD7_ED55_8CCD
        value ^= value >> 32
    }

    mutating func mix(_ bytes: UnsafeBufferPointer<UInt8>) {
        mix(UInt64(bytes.count))
        let raw = UnsafeRawBufferPointer(bytes)
        var index = 0
        while index + 8 <= raw.count {
            mix(UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: index, as: UInt64.self)))
            index += 8
        }
        while index < raw.count {
            mix(UInt64(raw[index]))
            index += 1
        }
    }
}
