// Part of Lockstep. See LICENSE.

internal import PostgreSQL

/// Gives each table a label that no other has, not even in other letters' case.
struct LabelChoice {
    /// Lower-case.
    private var taken: Set<String>

    init(taken: [String]) { self.taken = Set(taken.map { $0.lowercased() }) }

    func choose(for tables: [QualifiedName]) -> [QualifiedName: String] {
        var choice = self
        var result: [QualifiedName: String] = [:]
        let rivals = Dictionary(grouping: tables) { Naming.label($0.name).lowercased() }
        // Who has a claim to the plain label takes it before anyone who must evade.
        for table in tables where choice.hasClaim(table, among: rivals) && choice.isFree(Naming.label(table.name)) {
            result[table] = choice.take([Naming.label(table.name)], for: table)
        }
        for table in tables where result[table] == nil {
            result[table] = choice.take(Self.evasions(table), for: table)
        }
        return result
    }

    /// Alone with the label, or in `public` while the rivals are elsewhere, or the one named in the singular.
    private func hasClaim(_ table: QualifiedName, among rivals: [String: [QualifiedName]]) -> Bool {
        let label = Naming.label(table.name)
        let all = rivals[label.lowercased()] ?? []
        let peers = all.filter { $0.schema == table.schema }
        if all.count > peers.count, table.schema != "public" { return false }
        if peers.count == 1 { return true }
        return Naming.pluralLabel(table.name) == label
            && peers.first { Naming.pluralLabel($0.name) == label } == table
    }

    private static func evasions(_ table: QualifiedName) -> [String] {
        let schema = Naming.pluralLabel(table.schema)
        let names = [Naming.label(table.name), Naming.pluralLabel(table.name)]
        // In `public`, the plural comes before a prefix that says nothing.
        return (table.schema == "public" ? names : []) + names.map { schema + $0 } + names.map { "Table" + $0 }
    }

    private mutating func take(_ wanted: [String], for table: QualifiedName) -> String {
        let numbered = (2...).lazy.map { "Table\(Naming.label(table.name))\($0)" }
        let free = wanted.first { isFree($0) } ?? numbered.first { [self] in isFree($0) }!
        taken.insert(free.lowercased())
        return free
    }

    private func isFree(_ label: String) -> Bool {
        !label.hasPrefix("Lockstep") && !taken.contains(label.lowercased())
    }
}

/// Gives each column of a table a property that no other has, not even in other letters' case.
struct PropertyNames {
    private var taken: Set<String> = []

    mutating func entry(for column: String) -> ColumnEntry {
        let name = Naming.property(column)
        let numbered = (2...).lazy.map { "\(name)\($0)" }
        let free = [name, column].first(where: isFree) ?? numbered.first { [self] in isFree($0) }!
        taken.insert(free.lowercased())
        return ColumnEntry(column: Located(column), property: Located(free))
    }

    /// Properties for the digest and the count of distinct rows.
    mutating func distinct() -> DistinctEntry {
        DistinctEntry(digest: entry(for: "row_digest").property, count: entry(for: "row_count").property)
    }

    private func isFree(_ property: String) -> Bool {
        !property.hasPrefix("_lockstep") && !taken.contains(property.lowercased())
    }
}
