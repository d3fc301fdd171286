// Part of Lockstep. See LICENSE.

/// Gives nodes of a mapping file properties of the rows that they refer to, at random: some with the constraint, some as if
/// there were none.
///
/// Only what `lockstep check` accepts. The same dice make the same of the same file.
struct RandomLookups {
    private var dice: Dice
    private let shape: SchemaShape
    private var made = 0

    init(dice: Dice, shape: SchemaShape) {
        self.dice = dice
        self.shape = shape
    }

    mutating func edit(_ text: inout String) {
        var entries = MappingEntry.all(of: text)
        for index in entries.indices {
            guard entries[index].isNode, let label = entries[index].label,
                let table = entries[index].table(of: shape)
            else { continue }
            let lookups = entries[index].lines.compactMap { lookup($0, table, entries) }
            if !lookups.isEmpty { entries[index].lines.insert(contentsOf: ["    lookups:"] + lookups, at: label + 1) }
        }
        text = entries.flatMap(\.lines).joined(separator: "\n")
    }

    /// A lookup along the foreign key of a relationship that names a node's key.
    private mutating func lookup(_ line: String, _ table: SchemaShape.Table, _ entries: [MappingEntry]) -> String? {
        guard let match = line.prefixMatch(of: #/      - {type: \w+, columns: \[([^\]]*)\], references: ([^,}]*)/#),
            dice.percent(40), let target = entries.first(where: { $0.isNode && $0.lines[0] == "  \(match.2):" })
        else { return nil }
        let names = match.1.split(separator: ", ").map(String.init)
        let namesKey = table.foreignKeys.contains { reference in
            // Not every node's key is its table's primary key.
            reference.columns == names && shape.table(reference.target)?.key == reference.targetColumns
                && target.key.map(Set.init) == Set(reference.targetColumns)
        }
        let columns = Set(target.columns.shuffled(using: &dice).prefix(1 + dice.pick(3))).sorted()
        guard namesKey, !columns.isEmpty else { return nil }
        made += 1
        let properties = columns.map { "\($0): seen\(made)_\($0)" }.joined(separator: ", ")
        let isEnforced = !line.contains("enforced: false") && dice.percent(70)
        return "      - {columns: [\(match.1)], references: \(match.2), properties: {\(properties)}"
            + (isEnforced ? "}" : ", enforced: false}")
    }
}
