// Part of Lockstep. See LICENSE.

/// A table of a mapping file: its lines, with the one that names it. The first of a file is what stands before all tables.
struct MappingEntry {
    var lines: [String]

    static func all(of text: String) -> [MappingEntry] {
        var entries = [MappingEntry(lines: [])]
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
            if RandomMapping.tableName(line) != nil { entries.append(MappingEntry(lines: [])) }
            entries[entries.count - 1].lines.append(line)
        }
        return entries
    }

    var isNode: Bool { lines.contains { $0.hasPrefix("    key: ") } && label != nil }
    var label: Int? { lines.firstIndex { $0.hasPrefix("    label: ") || $0.hasPrefix("    labels: ") } }
    /// Columns that are properties and need no quotes.
    var columns: [Substring] { lines.compactMap { $0.prefixMatch(of: #/      (\w+): /#)?.1 } }
    /// The table as the file writes it.
    var name: Substring { (lines.first ?? "").dropFirst(2).dropLast() }

    func table(of shape: SchemaShape) -> SchemaShape.Table? {
        lines.first.flatMap(RandomMapping.tableName).flatMap(shape.table)
    }

    /// The columns of a node's key in their order, if none of them needs quotes.
    var key: [String]? {
        guard isNode, let line = lines.compactMap({ $0.prefixMatch(of: #/    key: \{([^}]*)\}/#)?.1 }).first else {
            return nil
        }
        let names = line.split(separator: ", ").map { $0.prefixMatch(of: #/(\w+): /#).map { String($0.1) } }
        return names.contains(nil) ? nil : names.compactMap(\.self)
    }
}
