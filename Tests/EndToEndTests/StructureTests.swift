// Part of Lockstep. See LICENSE.

import Foundation
import Testing

/// Which module may import which: the picture in docs/ARCHITECTURE.md, held against the sources.
@Suite struct StructureTests {
    private static let allowed: [String: Set<String>] = [
        "Threading": ["CLockstep"],
        "Bolt": ["Threading", "COpenSSL"],
        "PostgreSQL": ["Threading", "CLibPQ"],
        "Digest": ["COpenSSL"],
        "Mapping": ["Bolt", "PostgreSQL", "CYAML"],
        "Capture": ["Mapping", "PostgreSQL", "Threading"],
        "Apply": ["Mapping", "Bolt", "PostgreSQL", "Digest", "Threading"],
        "Verify": ["Mapping", "Bolt", "PostgreSQL", "Threading"],
        "Pipeline": ["Capture", "Apply", "Verify", "Mapping", "Bolt", "PostgreSQL", "Threading"],
        "lockstep": ["Pipeline", "Verify", "Apply", "Mapping", "Bolt", "PostgreSQL", "Threading"],
    ]
    private static let system: Set<String> = ["Glibc", "Darwin", "Synchronization"]

    @Test(arguments: allowed.keys.sorted())
    func `a module imports only what is below it, and no Foundation`(module: String) throws {
        let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../Sources/\(module)").standardizedFileURL
        let files = try #require(FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil))
            .compactMap { $0 as? URL }.filter { $0.pathExtension == "swift" }
        #expect(!files.isEmpty)
        let permitted = try #require(Self.allowed[module]).union(Self.system)
        for file in files {
            for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
                let words = line.split(separator: " ")
                guard let keyword = words.firstIndex(of: "import"), keyword <= 1, words.count == keyword + 2 else {
                    continue
                }
                let imported = String(words[keyword + 1])
                #expect(permitted.contains(imported), "\(file.lastPathComponent) of \(module) imports \(imported)")
            }
        }
    }
}
