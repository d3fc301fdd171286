// Part of Lockstep. See LICENSE.

internal import PostgreSQL

// Entries of the file under other names, or without some.
extension TableEntry {
    /// Every column that the entry uses, each once; those of its row filter are ``filterNames``.
    var columnNames: [String] {
        var names: [String] = []
        _ = rewriting { column in
            if !names.contains(column.value) { names.append(column.value) }
            return column
        }
        return names
    }

    /// Words of the row filter that may be columns.
    var filterNames: Set<String> { filter.map { SQLCondition($0.value).columnNames } ?? [] }

    /// Columns that say which row it is, or whether it counts: without one of them there is no mapping.
    var indispensableColumns: Set<String> { indispensableBesideKey.union(ownKey ?? []) }

    /// Those that are so for something else than the row's own key.
    var indispensableBesideKey: Set<String> {
        var names = filterNames
        if let softDelete, softDelete.label == nil { names.insert(softDelete.column.value) }
        if case .join(let join) = role { names.formUnion((join.from.columns + join.to.columns).map(\.value)) }
        return names
    }

    /// Equal rows are one node: a column more or less makes other rows of them.
    var countsRows: Bool {
        if case .node(let node) = role { node.distinct != nil } else { false }
    }

    func renaming(columns names: [String: String]) -> TableEntry {
        var result = rewriting { $0.renamed(by: names) }
        result.excluded = excluded.map { $0.renamed(by: names) }
        if let filter { result.filter = Located(SQLCondition(filter.value).renaming(names), at: filter.position) }
        return result
    }

    /// Where the file says a column's name, in its order.
    func positions(ofColumn name: String) -> [FilePosition] {
        var positions: [FilePosition] = []
        _ = rewriting { column in
            if column.value == name, let position = column.position { positions.append(position) }
            return column
        }
        if let filter, filterNames.contains(name), let position = filter.position { positions.append(position) }
        return positions.sorted { ($0.line, $0.column) < ($1.line, $1.column) }
    }

    /// With another name for each column that the entry uses; row filter and exclusions stay.
    private func rewriting(_ now: (Located<String>) -> Located<String>) -> TableEntry {
        func renamed(_ entries: [ColumnEntry]) -> [ColumnEntry] {
            entries.map { entry in
                var entry = entry
                entry.column = now(entry.column)
                return entry
            }
        }
        var result = self
        switch role {
        case .node(var node):
            node.key = renamed(node.key)
            node.properties = renamed(node.properties)
            for index in node.references.indices {
                node.references[index].end.columns = node.references[index].end.columns.map(now)
                if let column = node.references[index].condition?.column {
                    node.references[index].condition?.column = now(column)
                }
            }
            for index in node.lookups.indices {
                node.lookups[index].end.columns = node.lookups[index].end.columns.map(now)
            }
            for index in node.columnLabels.indices {
                node.columnLabels[index].column = now(node.columnLabels[index].column)
            }
            result.role = .node(node)
        case .join(var join):
            join.key = renamed(join.key)
            join.properties = renamed(join.properties)
            join.from.columns = join.from.columns.map(now)
            join.to.columns = join.to.columns.map(now)
            result.role = .join(join)
        case .skip: break
        }
        if let column = softDelete?.column { result.softDelete?.column = now(column) }
        result.derived = derived.map { entry in
            var entry = entry
            entry.parts = entry.parts.map { part in
                guard case .column(let name, let otherwise) = part else { return part }
                return .column(now(Located(name, at: entry.position)).value, otherwise: otherwise)
            }
            return entry
        }
        return result
    }

    /// Without the properties, labels and relationships that a column makes, and what it looks up.
    func leavingOut(column name: String) -> TableEntry {
        var result = self
        result.excluded.removeAll { $0.value == name }
        result.derived.removeAll { $0.columns.contains(name) }
        if softDelete?.column.value == name { result.softDelete = nil }
        switch role {
        case .node(var node):
            node.properties.removeAll { $0.column.value == name }
            node.references.removeAll {
                $0.end.columns.contains { $0.value == name } || $0.condition?.column.value == name
            }
            node.lookups.removeAll { $0.end.columns.contains { $0.value == name } }
            node.columnLabels.removeAll { $0.column.value == name }
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

    /// Where the file says a table's name.
    func positions(ofTable name: QualifiedName) -> [FilePosition] {
        var names = [table]
        switch role {
        case .node(let node): names += (node.references.map(\.end) + node.lookups.map(\.end)).map(\.references)
        case .join(let join): names += [join.from.references, join.to.references]
        case .skip: break
        }
        return names.filter { $0.value == name }.compactMap(\.position)
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

    /// With other columns that name rows of other tables.
    func changingEnds(_ change: (inout EndEntry) -> Void) -> TableEntry {
        var result = self
        switch role {
        case .node(var node):
            for index in node.references.indices { change(&node.references[index].end) }
            for index in node.lookups.indices { change(&node.lookups[index].end) }
            result.role = .node(node)
        case .join(var join):
            change(&join.from)
            change(&join.to)
            result.role = .join(join)
        case .skip: break
        }
        return result
    }

    // MARK: What is looked up in other tables

    func renaming(lookedUp names: [String: String], of table: QualifiedName) -> TableEntry {
        changingLookups(of: table) { lookup in
            for index in lookup.properties.indices {
                lookup.properties[index].column = lookup.properties[index].column.renamed(by: names)
            }
            for index in lookup.labels.indices {
                lookup.labels[index].column = lookup.labels[index].column.renamed(by: names)
            }
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

extension Located<String> {
    fileprivate func renamed(by names: [String: String]) -> Self { Located(names[value] ?? value, at: position) }
}
