// swift-tools-version:6.0
import PackageDescription

let package = Package(
    name: "CartableBindings",
    targets: [
        .systemLibrary(name: "cartable_c"),
        .target(
            name: "CartableFFI",
            dependencies: ["cartable_c"],
            swiftSettings: [.swiftLanguageMode(.v6)],
            linkerSettings: [
                .linkedLibrary("cartable_ffi"),
                // GNU ld refuses the Observation library of Swift 6.0.3.
                .unsafeFlags(["-L", "lib", "-use-ld=lld"], .when(platforms: [.linux])),
            ]
        ),
        .testTarget(
            name: "CartableTests",
            dependencies: ["CartableFFI"],
            swiftSettings: [.swiftLanguageMode(.v6)]
        ),
    ]
)
