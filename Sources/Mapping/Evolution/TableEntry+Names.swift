// Part of Lockstep. See LICENSE.

internal import PostgreSQL

// Entries of the file under other names, or without some.
extension TableEntry {
    /// Every column that the entry uses, each once.
    var columnNames: [String] {
        var names: [String] = []
        for name in usedColumns where !names.contains(name) { names.append(name) }
        return names
    }

    private var usedColumns: [String] {
        switch role {
        case .node(let node):
            (node.key + node.properties).map(\.column.value)
                + node.references.flatMap {
                    $0.end.columns.map(\.value) + ($0.condition.map { [$0.column.value] } ?? [])
                } + node.lookups.flatMap { $0.end.columns.map(\.value) }
        case .join(let join):
            (join.key + join.properties).map(\.column.value) + (join.from.columns + join.to.columns).map(\.value)
        case .skip: []
        }
    }

    /// Columns that say which row it is: without one of them there is no mapping.
    var identifyingColumns: [String] {
        switch role {
        case .node(let node): node.key.map(\.column.value)
        case .join(let join): join.key.map(\.column.value) + (join.from.columns + join.to.columns).map(\.value)
        case .skip: []
        }
    }

    /// Equal rows are one node: a column more or less makes other rows of them.
    var countsRows: Bool {
        if case .node(let node) = role { node.distinct != nil } else { false }
    }

    func renaming(columns names: [String: String]) -> TableEntry {
        func now(_ name: Located<String>) -> Located<String> {
            Located(names[name.value] ?? name.value, at: name.position)
        }
        func now(_ entry: ColumnEntry) -> ColumnEntry {
            var entry = entry
            entry.column = now(entry.column)
            return entry
        }
        var result = self
        result.excluded = excluded.map(now)
        switch role {
        case .node(var node):
            node.key = node.key.map(now)
            node.properties = node.properties.map(now)
            for index in node.references.indices {
                node.references[index].end.columns = node.references[index].end.columns.map(now)
                if let column = node.references[index].condition?.column {
                    node.references[index].condition?.column = now(column)
                }
            }
            for index in node.lookups.indices {
                node.lookups[index].end.columns = node.lookups[index].end.columns.map(now)
            }
            result.role = .node(node)
        case .join(var join):
            join.key = join.key.map(now)
            join.from.columns = join.from.columns.map(now)
            join.to.columns = join.to.columns.map(now)
            join.properties = join.properties.map(now)
            result.role = .join(join)
        case .skip: break
        }
        return result
    }

    /// Without the properties and relationships that a column makes, and what it looks up.
    func leavingOut(column name: String) -> TableEntry {
        var result = self
        result.excluded.removeAll { $0.value == name }
        switch role {
        case .node(var node):
            node.properties.removeAll { $0.column.value == name }
            node.references.removeAll {
                $0.end.columns.contains { $0.value == name } || $0.condition?.column.value == name
            }
            node.lookups.removeAll { $0.end.columns.contains { $0.value == name } }
            result.role = .node(node)
        case .join(var join):
            join.properties.removeAll { $0.column.value == name }
            result.role = .join(join)
        case .skip: break
        }
        return result
    }

    func renaming(tables names: [QualifiedName: QualifiedName]) -> TableEntry {
        func now(_ name: Located<QualifiedName>) -> Located<QualifiedName> {
            Located(names[name.value] ?? name.value, at: name.position)
        }
        var result = self
        result.table = now(table)
        switch role {
        case .node(var node):
            for index in node.references.indices {
                node.references[index].end.references = now(node.references[index].end.references)
            }
            for index in node.lookups.indices {
                node.lookups[index].end.references = now(node.lookups[index].end.references)
            }
            result.role = .node(node)
        case .join(var join):
            join.from.references = now(join.from.references)
            join.to.references = now(join.to.references)
            result.role = .join(join)
        case .skip: break
        }
        return result
    }

    /// Without the relationships to a table, and what is looked up there; nil where nothing is left.
    func leavingOut(table name: QualifiedName) -> TableEntry? {
        var result = self
        switch role {
        case .node(var node):
            node.references.removeAll { $0.end.references.value == name }
            node.lookups.removeAll { $0.end.references.value == name }
            result.role = .node(node)
        case .join(let join):
            if join.from.references.value == name || join.to.references.value == name { return nil }
        case .skip: break
        }
        return table.value == name ? nil : result
    }

    // MARK: What is looked up in other tables

    func renaming(lookedUp names: [String: String], of table: QualifiedName) -> TableEntry {
        func now(_ name: Located<String>) -> Located<String> {
            Located(names[name.value] ?? name.value, at: name.position)
        }
        return changingLookups(of: table) { lookup in
            for index in lookup.properties.indices {
                lookup.properties[index].column = now(lookup.properties[index].column)
            }
            for index in lookup.labels.indices { lookup.labels[index].column = now(lookup.labels[index].column) }
        }
    }

    func leavingOut(lookedUp column: String, of table: QualifiedName) -> TableEntry {
        changingLookups(of: table) { lookup in
            lookup.properties.removeAll { $0.column.value == column }
            lookup.labels.removeAll { $0.column.value == column }
        }
    }

    private func changingLookups(of table: QualifiedName, _ change: (inout LookupEntry) -> Void) -> TableEntry {
        guard case .node(var node) = role else { return self }
        for index in node.lookups.indices where node.lookups[index].end.references.value == table {
            change(&node.lookups[index])
        }
        node.lookups.removeAll { $0.properties.isEmpty && $0.labels.isEmpty }
        var result = self
        result.role = .node(node)
        return result
    }
}
