internal import FermataCore
public import FermataProtocol
internal import Yams

/// A policy alone as a YAML file: what an agent's file has under `policy`.
///
///     terminal: ask
///     refund:
///       rules:
///         - when: [{pointer: /amount, greater: 500}]
///           gate: deny
///       gate: ask
///
/// Threads: any. Reading a file blocks for as long as the file system takes.
public enum PolicyFile {
    /// Reads a policy from a file, which must be a regular one.
    ///
    /// - Throws: everything that is wrong with it.
    public static func read(_ file: String) throws(AgentFileError) -> FermataPolicy {
        try parse(AgentFile.bytes(of: file), file: file)
    }

    /// Reads a policy from a file's bytes.
    ///
    /// - Parameter file: its name, for mistakes.
    /// - Throws: everything that is wrong with it.
    public static func parse(_ bytes: [UInt8], file: String) throws(AgentFileError) -> FermataPolicy {
        let root = try AgentFile.root(bytes, file: file, whenEmpty: "a policy has tools: allow, ask or deny each")
        var reading = AgentReading(file: file)
        let policy = reading.policy(root, in: "")
        reading.noteProblems(of: policy, in: "")
        try reading.end()
        return policy
    }

    /// A policy as the text of a file, from which the same policy is read again.
    public static func text(of policy: FermataPolicy) -> String {
        guard !policy.tools.isEmpty else { return "{}\n" }
        let node = AgentWriting(style: .literal).policy(policy)
        return (try? serialize(node: node, indent: 2, width: -1, allowUnicode: true)) ?? ""
    }
}
