public import SwiftProtobuf

extension SwiftProtobuf.Enum {
    /// The value's name in the schema, as in its JSON: `RUNNING`, `CALL_FINISHED`.
    ///
    /// SwiftProtobuf keeps its table of names to itself; its Swift names follow from them by rule, and back.
    public var protocolName: String {
        "\(self)".reduce(into: "") { name, letter in
            if letter.isUppercase { name.append("_") }
            name += letter.uppercased()
        }
    }
}
