// swift-tools-version: 6.2

import PackageDescription

var settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]
// Set by tools/test: a warning there is a failure, but never on the machine of somebody who only builds.
if Context.environment["FERMATA_STRICT"] != nil { settings.append(.treatAllWarnings(as: .error)) }
// What every command and step goes through. Its accesses are checked for exclusivity in debug builds, which the tests
// are: the checks were 9 % of the loop's instructions.
let serviceSettings = settings + [.unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))]

// Libraries are to find these of NNG's before their own: see BrokenPipe.swift, StoppedStream.swift and Accepting.swift.
let interposing = ["accept", "sendmsg", "nng_stream_recv", "nng_stream_send"].map {
    LinkerSetting.unsafeFlags(["-Xlinker", "--export-dynamic-symbol=\($0)"])
}

let protobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

let package = Package(
    name: "fermata",
    products: [
        .executable(name: "fermata", targets: ["fermata"]),
        .executable(name: "fermata-supervisor", targets: ["fermata-supervisor"]),
        .library(name: "FermataClient", targets: ["FermataClient"]),
        .library(name: "FermataProtocol", targets: ["FermataProtocol"]),
        .library(name: "Models", targets: ["Models"]),
        .library(name: "MockModel", targets: ["MockModel"]),
        .library(name: "NNG", targets: ["NNG"]),
        .library(name: "SQLite", targets: ["SQLite"]),
        .library(name: "CStoreSeals", targets: ["CStoreSeals"]),
        .library(name: "Curl", targets: ["Curl"]),
    ],
    dependencies: [
        // The encoding of the protocol: evolution rules, a JSON mapping and code for every language.
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        // Commands, options, help and completions of the command line.
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        // The log of the service.
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        // The configuration file, and agents as files, in YAML; it tells the line of each key.
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        // The HTTP server of gateway and mock model: it sees at once that a client has left (HummingbirdCore only).
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0", traits: []),
        // Event loops and HTTP types that HummingbirdCore hands its users.
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
    ],
    targets: [
        .systemLibrary(name: "CNNG"),
        .systemLibrary(name: "CSQLite"),
        .systemLibrary(name: "CCurl"),
        // Digests and message authentication of the system's libcrypto: it costs no build time (swift-crypto: a minute).
        .systemLibrary(name: "COpenSSL"),
        // Mailboxes, threads with names, one monotonic time; knows nothing of Fermata.
        .target(name: "Threads", dependencies: ["CProcess"], swiftSettings: serviceSettings),
        // Checksums of a store's pages and events, in C because SQLite calls it for each page. XXH3 is libxxhash's, which
        // Debian has as a header: twelve times as fast as SHA-256, and its results are fixed.
        .target(name: "CStoreSeals", cSettings: [.unsafeFlags(["-O2"])]),
        // What of processes Swift does not import; no library.
        .systemLibrary(name: "CProcess"),
        // Regular expressions in linear time: Debian's RE2, behind a C interface.
        .target(
            name: "CRE2", cxxSettings: [.unsafeFlags(["-O2"])], linkerSettings: [.linkedLibrary("re2")]),
        // Text as a JSON string, in C because it looks at sixteen bytes at a time, for which Swift has no operation.
        .target(name: "CJSONText", cSettings: [.unsafeFlags(["-O2"])]),
        // One tokenizer; documents with order and exact digits, pointers, schemas. Knows nothing of Fermata.
        .target(name: "JSON", dependencies: ["CJSONText", "CRE2"], swiftSettings: serviceSettings),
        // Server-sent events, read and written. Knows nothing of Fermata.
        .target(name: "EventStreams", swiftSettings: serviceSettings),
        .target(name: "NNG", dependencies: ["CNNG", "Threads"], swiftSettings: settings),
        .target(name: "SQLite", dependencies: ["CSQLite", "CStoreSeals"], swiftSettings: settings),
        .target(name: "Curl", dependencies: ["CCurl", "Threads"], swiftSettings: settings),
        .target(name: "OpenSSL", dependencies: ["COpenSSL"], swiftSettings: settings),
        .target(name: "FermataProtocol", dependencies: [protobuf], swiftSettings: settings),
        .target(
            name: "FermataCore", dependencies: ["FermataProtocol", "JSON", "OpenSSL", protobuf],
            exclude: ["Snapshot/snapshot.proto", "Snapshot/modules.asciipb"], swiftSettings: serviceSettings),
        // What a journal is: its rows, its promises.
        .target(name: "Journal", swiftSettings: serviceSettings),
        .target(
            name: "JournalSQLite", dependencies: ["CStoreSeals", "Journal", "SQLite", "Threads", logging],
            swiftSettings: serviceSettings),
        .target(
            name: "AgentFiles",
            dependencies: [
                "FermataCore", "FermataProtocol", "JSON", .product(name: "Yams", package: "Yams"), protobuf,
            ],
            swiftSettings: settings),
        // Static: it starts once for each tool call, in a quarter of the time that loading Swift's libraries takes.
        .executableTarget(
            name: "fermata-supervisor",
            linkerSettings: [.unsafeFlags(["-static-executable", "-nostartfiles"])]),
        // What nobody outside may be shown, and how it is found.
        .target(name: "Secrets", swiftSettings: settings),
        .target(
            name: "Tools", dependencies: ["CProcess", "Secrets", "Threads", "fermata-supervisor"],
            swiftSettings: settings),
        .target(name: "ModelScript", dependencies: ["JSON"], swiftSettings: settings),
        .target(
            name: "Models", dependencies: ["Curl", "EventStreams", "JSON", "ModelScript", "Secrets", "Threads"],
            swiftSettings: settings),
        .target(
            name: "MockModel",
            dependencies: [
                "ModelScript", "Threads",
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOPosix", package: "swift-nio"),
                logging,
            ],
            swiftSettings: settings),
        .target(
            name: "FermataClient", dependencies: ["FermataProtocol", "NNG", protobuf], swiftSettings: settings),
        .target(
            name: "Gateway",
            dependencies: [
                "EventStreams", "FermataClient", "FermataProtocol", "JSON", "OpenSSL", protobuf, logging,
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: settings),
        // Runs and the journal's rows: what each says of the other.
        .target(
            name: "RunRows", dependencies: ["FermataCore", "FermataProtocol", "Journal", protobuf],
            swiftSettings: serviceSettings),
        // Checkpoints, read and written, and the cuts of forks; over any journal.
        .target(
            name: "Transfers",
            dependencies: [
                "FermataCore", "FermataProtocol", "JSON", "Journal", "OpenSSL", "RunRows", "Threads", protobuf,
            ],
            swiftSettings: serviceSettings),
        // `check` and `backup`.
        .target(
            name: "StoreTools",
            dependencies: [
                "FermataCore", "FermataProtocol", "JSON", "Journal", "JournalSQLite", "OpenSSL", "RunRows", protobuf,
            ],
            swiftSettings: settings),
        .target(
            name: "FermataServer",
            dependencies: [
                "Curl", "FermataProtocol", "FermataCore", "JSON", "Journal", "JournalSQLite", "Models", "ModelScript",
                "NNG",
                "OpenSSL",
                "RunRows", "Secrets", "Threads", "Tools", "Transfers",
                protobuf, logging,
            ],
            swiftSettings: serviceSettings),
        .executableTarget(
            name: "fermata",
            dependencies: [
                "AgentFiles", "FermataCore", "FermataProtocol", "FermataServer", "FermataClient", "Models",
                "ModelScript",
                "MockModel", "Curl", "Gateway", "Journal", "JournalSQLite", "NNG", "SQLite", "StoreTools", "Tools",
                protobuf, logging,
                .product(name: "Yams", package: "Yams"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings, linkerSettings: interposing),
        .testTarget(
            name: "JSONTests", dependencies: ["JSON"], exclude: ["Suite", "Generated", "Golden"],
            swiftSettings: settings),
        .testTarget(name: "EventStreamsTests", dependencies: ["EventStreams"], swiftSettings: settings),
        .testTarget(name: "ThreadsTests", dependencies: ["Threads"], swiftSettings: settings),
        .testTarget(
            name: "FermataServerTests",
            dependencies: [
                "FermataClient", "FermataCore", "FermataProtocol", "FermataServer", "JSON", "Journal", "JournalSQLite",
                "JournalTestKit",
                "LineTools", "Models", "NNG", "RawServer", "Tools", protobuf, logging,
            ],
            swiftSettings: settings, linkerSettings: interposing),
        .testTarget(
            name: "NNGTests", dependencies: ["CNNG", "NNG"], swiftSettings: settings, linkerSettings: interposing),
        .testTarget(name: "OpenSSLTests", dependencies: ["OpenSSL"], swiftSettings: settings),
        .testTarget(name: "SQLiteTests", dependencies: ["SQLite"], swiftSettings: settings),
        // A second journal, in memory: for the conformance suite, and for tests of what works on any journal.
        .target(
            name: "JournalTestKit", dependencies: ["Journal"], path: "Tests/JournalTestKit", swiftSettings: settings),
        .testTarget(
            name: "JournalTests",
            dependencies: ["CStoreSeals", "Journal", "JournalSQLite", "JournalTestKit", "SQLite", logging],
            swiftSettings: settings),
        .target(name: "RawServer", path: "Tests/RawServer", swiftSettings: settings),
        .testTarget(name: "CurlTests", dependencies: ["Curl", "RawServer"], swiftSettings: settings),
        .testTarget(
            name: "FermataProtocolTests", dependencies: ["FermataProtocol", protobuf], swiftSettings: settings),
        // Holds journals to the promises: those of the simulation, and those of the real binary.
        .target(
            name: "RunAudit", dependencies: ["FermataCore", "FermataProtocol", protobuf], path: "Tests/RunAudit",
            swiftSettings: settings),
        // Stores that earlier binaries left.
        .target(
            name: "GoldenStores", dependencies: ["FermataProtocol", protobuf], path: "Tests/GoldenStores",
            swiftSettings: settings),
        .testTarget(
            name: "FermataCoreTests",
            dependencies: [
                "FermataCore", "FermataProtocol", "FermataServer", "GoldenStores", "JSON", "Models", "RunAudit",
                protobuf,
            ],
            swiftSettings: settings, linkerSettings: interposing),
        .testTarget(name: "SecretsTests", dependencies: ["Secrets"], swiftSettings: settings),
        // A source of tools whose process lasts, and the program that it runs.
        .target(name: "LineTools", dependencies: ["Tools"], path: "Tests/LineTools", swiftSettings: settings),
        .testTarget(
            name: "ToolsTests", dependencies: ["LineTools", "RawServer", "Secrets", "Threads", "Tools"],
            swiftSettings: settings),
        .testTarget(
            name: "AgentFilesTests", dependencies: ["AgentFiles", "FermataProtocol", protobuf],
            swiftSettings: settings),
        .testTarget(name: "ModelScriptTests", dependencies: ["JSON", "ModelScript"], swiftSettings: settings),
        .testTarget(
            name: "ModelsTests", dependencies: ["Curl", "JSON", "Models", "ModelScript", "RawServer", "Secrets"],
            swiftSettings: settings),
        .testTarget(name: "MockModelTests", dependencies: ["MockModel", "ModelScript"], swiftSettings: settings),
        .testTarget(
            name: "ServiceTests",
            dependencies: [
                "FermataCore", "FermataProtocol", "FermataClient", "GoldenStores", "MockModel", "ModelScript", "NNG",
                "RawServer", "RunAudit", "SQLite", "fermata", "fermata-supervisor", protobuf,
            ], exclude: ["litellm_judge.py", "model_judge.py"]),
    ],
    swiftLanguageModes: [.v6]
)
