// swift-tools-version: 6.2

import PackageDescription

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

let package = Package(
    name: "fermata",
    products: [
        .executable(name: "fermata", targets: ["fermata"]),
        .library(name: "FermataClient", targets: ["FermataClient"]),
        .library(name: "MockModel", targets: ["MockModel"]),
        .library(name: "NNG", targets: ["NNG"]),
        .library(name: "SQLite", targets: ["SQLite"]),
        .library(name: "Curl", targets: ["Curl"]),
    ],
    dependencies: [
        // The encoding of the protocol: evolution rules, a JSON mapping and code for every language.
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        // Commands, options, help and completions of the command line.
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    ],
    targets: [
        .systemLibrary(name: "CNNG"),
        .systemLibrary(name: "CSQLite"),
        .systemLibrary(name: "CCurl"),
        .target(name: "NNG", dependencies: ["CNNG"], swiftSettings: settings),
        .target(name: "SQLite", dependencies: ["CSQLite"], swiftSettings: settings),
        .target(name: "Curl", dependencies: ["CCurl"], swiftSettings: settings),
        .target(
            name: "FermataProtocol", dependencies: [.product(name: "SwiftProtobuf", package: "swift-protobuf")],
            swiftSettings: settings),
        .target(name: "FermataCore", dependencies: ["FermataProtocol", .product(name: "SwiftProtobuf", package: "swift-protobuf")], swiftSettings: settings),
    ],
    swiftLanguageModes: [.v6]
)
