// swift-tools-version: 6.2

import PackageDescription

// A package of its own, so that who builds Fermata does not build this. `tools/bench` builds and runs it.
let package = Package(
    name: "benchmarks",
    dependencies: [
        .package(name: "fermata", path: "../.."),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        // Percentiles that do not depend on how many values were kept.
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
    ],
    targets: [
        // Everything that is timed: C on the raw libraries, the same for Fermata and for what it is compared with.
        .target(
            name: "CBench",
            // The large store that is started on has to have its checksums.
            dependencies: [.product(name: "CStoreSeals", package: "fermata")],
            linkerSettings: [.linkedLibrary("nng"), .linkedLibrary("sqlite3"), .linkedLibrary("curl")]),
        .executableTarget(name: "bench-echo", dependencies: ["CBench"]),
        .executableTarget(
            name: "bench",
            dependencies: [
                "CBench",
                "bench-echo",
                .product(name: "fermata", package: "fermata"),
                .product(name: "fermata-supervisor", package: "fermata"),
                .product(name: "FermataProtocol", package: "fermata"),
                .product(name: "Models", package: "fermata"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            swiftSettings: [
                .enableUpcomingFeature("ExistentialAny"),
                .enableUpcomingFeature("MemberImportVisibility"),
                .enableUpcomingFeature("InternalImportsByDefault"),
            ]),
    ],
    swiftLanguageModes: [.v6]
)
