public import FermataProtocol
internal import Glibc
internal import Yams

/// An agent as a YAML file. The keys are those of `Agent` in fermata.proto, but for `limits.max_cost_usd`, which is in
/// dollars there, and a policy's `deadline`, which is a period.
///
/// Threads: any. Reading a file blocks for as long as the file system takes.
public enum AgentFile {
    /// A system prompt has at most 1 MiB; each of its lines may be indented.
    public static let maximumBytes = 2 << 20

    /// Reads an agent from a file, which must be a regular one: a pipe could block for ever, a device never end.
    ///
    /// - Throws: everything that is wrong with it.
    public static func read(_ file: String) throws(AgentFileError) -> FermataAgent {
        try parse(bytes(of: file), file: file)
    }

    /// Reads an agent from a file's bytes.
    ///
    /// - Parameter file: its name, for mistakes.
    /// - Throws: everything that is wrong with it.
    public static func parse(_ bytes: [UInt8], file: String) throws(AgentFileError) -> FermataAgent {
        let known = AgentKeys.agent.joined(separator: ", ")
        let root = try root(bytes, file: file, whenEmpty: "an agent has at least a name: \(known)")
        var reading = AgentReading(file: file)
        let agent = reading.agent(root)
        try reading.end()
        return agent
    }

    static func root(_ bytes: [UInt8], file: String, whenEmpty hint: String) throws(AgentFileError) -> Node {
        guard bytes.count <= maximumBytes else { throw wrong(file, nil, "is larger than \(maximumBytes >> 20) MiB") }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            let valid = String(decoding: bytes, as: UTF8.self).unicodeScalars.prefix { $0 != "\u{FFFD}" }
            throw wrong(file, valid.count { $0 == "\n" } + 1, "is not UTF-8")
        }
        // The parser takes a byte order mark for text.
        let unmarked = text.unicodeScalars.first == "\u{FEFF}" ? String(text.unicodeScalars.dropFirst()) : text
        guard let root = try YAMLDocument.root(of: unmarked, file: file) else {
            throw wrong(file, nil, "is empty; \(hint)")
        }
        return root
    }

    private static func wrong(_ file: String, _ line: Int?, _ text: String) -> AgentFileError {
        AgentFileError([AgentMistake(file: file, line: line, text: text)])
    }

    static func bytes(of file: String) throws(AgentFileError) -> [UInt8] {
        let descriptor = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw wrong(file, nil, "cannot be read: \(String(cString: strerror(errno)))") }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw wrong(file, nil, "is not a regular file")
        }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while bytes.count <= maximumBytes {
            let count = buffer.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                throw wrong(file, nil, "cannot be read: \(String(cString: strerror(errno)))")
            }
            if count == 0 { break }
            bytes.append(contentsOf: buffer[..<count])
        }
        return bytes
    }
}

/// The keys of a file, in the order in which they are written.
enum AgentKeys {
    static let agent = [
        "name", "description", "model", "models", "fallback_models", "model_options", "system_prompt", "tools",
        "model_attempts", "patience", "limits", "policy", "worker_tools",
    ]
    static let modelOptions = ["temperature", "top_p", "max_output_tokens", "seed", "reasoning_effort", "stop"]
    static let limits = ["max_steps", "max_cost_usd", "max_repeats"]
    static let toolPolicy = ["rules", "gate", "when_unknown", "urgency", "deadline"]
    static let rule = ["when", "gate"]
    static let condition = ["pointer", "equals", "greater", "less", "matches"]
    static let workerTool = ["name", "description", "parameters", "idempotent", "idempotent_when", "parallel"]
}
