public import SwiftProtobuf

extension SwiftProtobuf.Enum {
    /// The value's name in the schema, as in its JSON: `RUNNING`, `CALL_FINISHED`; of a value that this version does
    /// not know its number, and of a zero value `UNSPECIFIED`.
    ///
    /// SwiftProtobuf keeps its table of names to itself; its Swift names follow from them by rule, and back.
    public var protocolName: String {
        let name = "\(self)"
        guard !name.hasPrefix("UNRECOGNIZED") else { return String(rawValue) }
        return name.reduce(into: "") { name, letter in
            if letter.isUppercase { name.append("_") }
            name += letter.uppercased()
        }
    }
}
