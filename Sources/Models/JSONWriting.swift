internal import JSON

extension [UInt8] {
    /// Appends a JSON array of what is written for each element.
    mutating func append<Elements: Sequence>(
        list elements: Elements, _ write: (Elements.Element, inout [UInt8]) -> Void
    ) {
        append(UInt8(ascii: "["))
        var isFirst = true
        for element in elements {
            if !isFirst { append(UInt8(ascii: ",")) }
            isFirst = false
            write(element, &self)
        }
        append(UInt8(ascii: "]"))
    }

    /// Appends the members of a JSON object, after others.
    mutating func append(membersOf object: String) {
        guard object.utf8.first == UInt8(ascii: "{"), object.utf8.last == UInt8(ascii: "}"), object.utf8.count > 2
        else {
            return
        }
        append(UInt8(ascii: ","))
        self += object.utf8.dropFirst().dropLast()
    }
}
