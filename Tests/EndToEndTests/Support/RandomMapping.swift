// Part of Lockstep. See LICENSE.

import PostgreSQL

/// What `lockstep init` proposes, with rules added at random: rows that do not count, labels and properties that no column
/// is, columns left out, relationships turned round or guarded by no constraint.
///
/// Only what `lockstep check` accepts. The same dice make the same of the same file.
struct RandomMapping {
    private var dice: Dice
    private let shape: SchemaShape
    /// ArcadeDB cannot change a node's labels.
    private let changesLabels: Bool
    private var turned = 0

    init(dice: Dice, shape: SchemaShape, changesLabels: Bool) {
        self.dice = dice
        self.shape = shape
        self.changesLabels = changesLabels
    }

    mutating func edit(_ text: inout String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        // A table of relationships cannot wait for rows that come to count.
        let ends = lines.filter { $0.hasPrefix("    from:") || $0.hasPrefix("    to:") }
        var result: [String] = []
        var rest = lines[...]
        while let line = rest.popFirst() {
            guard let name = Self.tableName(line) else {
                result.append(line)
                continue
            }
            var entry: [String] = []
            while let next = rest.first, next.isEmpty || next.hasPrefix("    ") { entry.append(rest.removeFirst()) }
            let table = shape.tables.first { $0.name == name }
            let isEnd = ends.contains {
                $0.contains("references: \(name)}") || $0.contains("references: public.\(name)}")
            }
            result += [line] + (table.map { edited(entry, $0, isEnd: isEnd) } ?? entry)
        }
        text = result.joined(separator: "\n")
    }

    /// The table that a line begins, as `regclass` prints it.
    static func tableName(_ line: String) -> String? {
        guard line.hasPrefix("  "), !line.hasPrefix("   "), !line.hasPrefix("  #"), line.hasSuffix(":") else {
            return nil
        }
        var name = String(line.dropFirst(2).dropLast())
        if name.hasPrefix("'") { name = String(name.dropFirst().dropLast()).replacing("''", with: "'") }
        return name.hasPrefix("public.") ? String(name.dropFirst("public.".count)) : name
    }

    private mutating func edited(_ entry: [String], _ table: SchemaShape.Table, isEnd: Bool) -> [String] {
        guard let place = entry.firstIndex(where: { $0.hasPrefix("    label: ") }) else { return entry }
        var entry = entry
        let isCounted = entry.contains { $0.hasPrefix("    distinct:") }
        var more: [String] = []
        if !isCounted {
            more += rows(table, isEnd: isEnd)
            labels(&entry[place], table)
            if dice.percent(30) { more.append("    constants: {origin: \"it's \\\\ here\", edition: 3}") }
            if dice.percent(30) { more.append("    derived: {tagged: \"#${\(table.key[0])}$$\"}") }
        }
        if let column = leaveOut(&entry) { more.append("    exclude: [\(column)]") }
        for index in entry.indices where entry[index].hasPrefix("      - {type: ") {
            relationship(&entry[index], table, isCounted: isCounted)
        }
        entry.insert(contentsOf: more, at: place + 1)
        return entry
    }

    /// Which rows count, by the column that ``RandomSchema`` makes for that.
    private mutating func rows(_ table: SchemaShape.Table, isEnd: Bool) -> [String] {
        guard table.column("gone") != nil, dice.percent(80) else { return [] }
        let asLabel = "    softDelete: {column: gone, equals: true, as: label, label: Gone}"
        if isEnd { return changesLabels ? [asLabel] : [] }
        let rules = [
            "    where: gone IS NOT TRUE", "    softDelete: gone", "    softDelete: {column: gone, equals: true}",
        ]
        return [dice.one(of: rules + (changesLabels ? [asLabel] : []))]
    }

    private mutating func labels(_ line: inout String, _ table: SchemaShape.Table) {
        guard changesLabels, dice.percent(50) else { return }
        let label = line.dropFirst("    label: ".count).prefix { $0 != "#" }.trimmed
        var labels = [label, "Thing"]
        if let mood = table.columns.first(where: { $0.type == "mood" }) { labels.append("{column: \(mood.name)}") }
        if let flag = table.others.first(where: { $0.type == "bool" }) {
            labels.append("{column: \(flag.name), values: {true: Yes, false: No}}")
        }
        if let any = table.others.first(where: \.isNullable) { labels.append("{column: \(any.name), label: Has}") }
        line = "    labels: [\(labels.joined(separator: ", "))]"
    }

    private mutating func leaveOut(_ entry: inout [String]) -> String? {
        let columns = entry.indices.filter { entry[$0].contains(#/^      c\d+:/#) }
        guard columns.count > 1, dice.percent(25) else { return nil }
        let line = entry.remove(at: dice.one(of: columns))
        return String(line.prefix { $0 != ":" }.trimmed)
    }

    private mutating func relationship(_ line: inout String, _ table: SchemaShape.Table, isCounted: Bool) {
        guard let match = line.firstMatch(of: /type: (\w+), columns: \[([^\]]*)\], references: ([^}]*)\}/) else {
            return
        }
        let columns = match.2.split(separator: ", ").map(String.init)
        let refersToKey = table.foreignKeys.contains { reference in
            reference.columns == columns && shape.table(reference.target)?.key == reference.targetColumns
        }
        var rules = ""
        var type = String(match.1)
        if dice.percent(25) {
            turned += 1
            type += "_BACK_\(turned)"
            rules += ", reversed: true"
        }
        if refersToKey, !isCounted, dice.percent(30), !line.contains("enforced") { rules += ", enforced: false" }
        line = "      - {type: \(type), columns: [\(match.2)], references: \(match.3)\(rules)}"
    }
}

extension StringProtocol {
    fileprivate var trimmed: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
