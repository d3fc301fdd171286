// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6), .treatAllWarnings(as: .error), .strictMemorySafety(),
    .enableUpcomingFeature("ExistentialAny"), .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"), .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableExperimentalFeature("Lifetimes"),
    .unsafeFlags(["-cross-module-optimization"], .when(configuration: .release)),
]

func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies + ["TestServers", "TestSupport"], swiftSettings: settings)
}

let package = Package(
    name: "lockstep",
    platforms: [.macOS(.v26)],
    products: [.executable(name: "lockstep", targets: ["lockstep"])],
    targets: [
        // C libraries, and the little C that Swift's own C modules hide.
        .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"]), .brew(["libpq"])]),
        .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"]), .brew(["libyaml"])]),
        .systemLibrary(
            name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"]), .brew(["openssl"])]),
        .target(name: "CLockstep"),

        // Arrows point downwards only; see docs/ARCHITECTURE.md.
        module("Threading", ["CLockstep"]),
        module("Bolt", ["Threading", "COpenSSL"]),
        module("PostgreSQL", ["Threading", "CLibPQ"]),
        module("Digest", ["COpenSSL"]),
        module("Mapping", ["Bolt", "PostgreSQL", "CYAML"]),
        module("Capture", ["Mapping", "PostgreSQL", "Threading"]),
        module("Apply", ["Mapping", "Bolt", "PostgreSQL", "Digest", "Threading"]),
        module("Verify", ["Mapping", "Bolt", "PostgreSQL", "Threading"]),
        module("Pipeline", ["Capture", "Apply", "Verify", "Mapping", "Bolt", "PostgreSQL", "Threading"]),
        .executableTarget(
            name: "lockstep",
            dependencies: ["Pipeline", "Verify", "Apply", "Mapping", "PostgreSQL", "Bolt", "Threading"],
            swiftSettings: settings),

        // Claims of the documentation, measured; see docs/benchmarks.md.
        .executableTarget(
            name: "lockstep-benchmarks",
            dependencies: [
                "Pipeline", "Capture", "Apply", "Mapping", "Bolt", "PostgreSQL", "Threading", "TestServers",
                "CAllocations",
            ],
            path: "Benchmarks", exclude: ["CAllocations", "Driver/peer.py"], swiftSettings: settings),
        .target(name: "CAllocations", path: "Benchmarks/CAllocations"),

        // The driver's side of its conformance suite; see scripts/run-testkit.
        .executableTarget(
            name: "bolt-testkit", dependencies: ["Bolt", "Threading"],
            swiftSettings: [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]),

        // Throw-away servers; without the test library, so that benchmarks can use them in any build.
        module("TestServers", ["Bolt", "PostgreSQL", "Threading"]),
        module("TestSupport", ["TestServers"]),
        tests("BoltTests", ["Bolt", "COpenSSL"]),
        tests("PostgreSQLTests", ["PostgreSQL"]),
        tests("MappingTests", ["Mapping", "PostgreSQL", "Bolt"]),
        tests("CaptureTests", ["Capture", "Mapping", "PostgreSQL"]),
        tests("ApplyTests", ["Apply", "Mapping", "Bolt", "PostgreSQL"]),
        tests("PipelineTests", ["Pipeline", "Apply", "Capture", "Mapping", "Bolt", "PostgreSQL", "Threading"]),
        tests("VerifyTests", ["Verify", "Mapping", "Bolt", "PostgreSQL", "Threading"]),
        tests("EndToEndTests", ["Pipeline", "Mapping", "Bolt", "PostgreSQL"]),
    ]
)

// libFuzzer wants all code instrumented: only for scripts/fuzz.
if Context.environment["LOCKSTEP_FUZZ"] != nil {
    package.targets.append(.systemLibrary(name: "CLibFuzzer", path: "Fuzz/CLibFuzzer"))
    package.targets += ["PackStream", "Channel"].map { name in
        .executableTarget(
            name: "Fuzz\(name)", dependencies: ["Bolt", "Threading", "CLibFuzzer"], path: "Fuzz/\(name)",
            swiftSettings: settings)
    }
}
