internal import JSON

extension JSONWriter {
    /// Appends the members of a JSON object, after others.
    mutating func append(membersOf object: String) {
        guard object.utf8.first == UInt8(ascii: "{"), object.utf8.last == UInt8(ascii: "}"), object.utf8.count > 2
        else {
            return
        }
        append(UInt8(ascii: ","))
        append(json: object.utf8.dropFirst().dropLast())
    }
}
