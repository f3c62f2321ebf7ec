// swift-tools-version:5.5
// Run `python bindings/ios/build.py` first, which makes the binary target.
import PackageDescription

let package = Package(
    name: "Undin",
    platforms: [.iOS(.v14)],
    products: [.library(name: "Undin", targets: ["Undin"])],
    targets: [
        .binaryTarget(name: "CUndin", path: "dist/Undin.xcframework"),
        .target(name: "Undin", dependencies: ["CUndin"]),
    ]
)
