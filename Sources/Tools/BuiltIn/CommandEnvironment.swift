/// What a command sees of the service's environment, and what it must not print.
public struct CommandEnvironment: Sendable {
    /// `NAME=value`, sorted, without `PWD`.
    let variables: [String]
    /// Values that were left out.
    public let secrets: [String]

    private static let secretSuffixes = ["_API_KEY", "_TOKEN", "_SECRET", "_PASSWORD"]

    /// `BASH_ENV` and `ENV` name files that a shell would run before the command.
    private static let dropped: Set<String> = ["PWD", "OLDPWD", "BASH_ENV", "ENV", "SHLVL", "_", Orphans.variable]

    /// - Parameter inherited: the service's environment. Names are judged without regard to case.
    public init(inheriting inherited: [String: String]) {
        var variables = inherited.filter { name, value in
            !CommandEnvironment.dropped.contains(name) && !CommandEnvironment.isSecret(name)
                && !name.utf8.contains(0) && !value.utf8.contains(0)
        }
        variables["TERM"] = "dumb"
        variables["FERMATA"] = "1"
        self.variables = variables.map { "\($0.key)=\($0.value)" }.sorted()
        secrets = inherited.filter { CommandEnvironment.isSecret($0.key) }.map(\.value).sorted()
    }

    static func isSecret(_ name: String) -> Bool {
        let upper = name.uppercased()
        return secretSuffixes.contains { upper.hasSuffix($0) }
    }

    /// The environment of a command that runs in `directory`.
    func variables(in directory: String) -> [String] { variables + ["PWD=\(directory)"] }
}
