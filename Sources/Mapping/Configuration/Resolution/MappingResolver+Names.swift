// Part of Lockstep. See LICENSE.

internal import PostgreSQL

// Names that must differ, and names that are Lockstep's own.
extension MappingResolver {
    mutating func checkName(_ name: Located<String>, _ what: String, reserved: String? = nil) {
        if name.value.isEmpty || name.value.contains("\0") {
            note(.value, name.position, "a \(what) needs a name")
        } else if let reserved, name.value.hasPrefix(reserved) {
            note(.reserved, name.position, "\(name.value): a \(what) that begins with \(reserved) is Lockstep's own")
        }
    }

    /// No property twice in one entity.
    mutating func checkProperties(_ entries: [ColumnEntry]) {
        for (index, entry) in entries.enumerated() {
            let name = entry.property
            if let earlier = entries[..<index].first(where: { $0.property == name }) {
                note(
                    .clash, name.position,
                    "property \(name.value) is filled from \(earlier.column.value) and \(entry.column.value)")
            } else if let earlier = entries[..<index].first(where: {
                $0.property.value.lowercased() == name.value.lowercased()
            }) {
                note(
                    .clash, name.position,
                    "properties \(earlier.property.value) and \(name.value) differ only by upper and lower case",
                    severity: .warning)
            }
        }
    }

    /// A label's key belongs to one table, and a relationship between two labels to one foreign key or join table:
    /// else the one's deletes would take the other's.
    mutating func checkNames() {
        checkLabels()
        checkTypes()
        checkKeyedTypes()
    }

    private mutating func checkLabels() {
        var seen: [(label: Located<String>, table: QualifiedName, isKey: Bool)] = []
        for entry in tables {
            guard case .node(let node) = entry.role else { continue }
            for (index, label) in (node.labels + labelsByColumn(node, entry)).enumerated() {
                let isKey = index == 0
                if let other = seen.first(where: {
                    $0.label == label && ($0.isKey || isKey || $0.table == entry.table.value)
                }) {
                    note(
                        .clash, label.position, "label \(label.value) belongs to \(other.table) already",
                        "give one of the two another label; only labels behind the first may be shared")
                } else if let other = seen.first(where: {
                    $0.label != label && $0.label.value.lowercased() == label.value.lowercased()
                }) {
                    note(
                        .clash, label.position,
                        "labels \(other.label.value) and \(label.value) differ only by upper and lower case",
                        severity: .warning)
                }
                seen.append((label, entry.table.value, isKey))
            }
        }
    }

    private func labelsByColumn(_ node: NodeEntry, _ entry: TableEntry) -> [Located<String>] {
        var labels: [Located<String>] = []
        let entries = node.columnLabels + node.lookups.flatMap(\.labels)
        for label in entries.flatMap({ $0.values ?? [] }).map(\.label) where !labels.contains(label) {
            labels.append(label)
        }
        return labels + (entry.softDelete?.label.map { [$0] } ?? [])
    }

    private mutating func checkTypes() {
        var triples: [[String]: (type: Located<String>, table: QualifiedName)] = [:]
        var names: [Located<String>] = []
        for (table, type, from, to) in relationships {
            if let other = triples[[from, type.value, to]] {
                note(
                    .clash, type.position,
                    "(:\(from))-[:\(type.value)]->(:\(to)) is made by \(other.table) already",
                    "give one of the two another type")
            } else {
                triples[[from, type.value, to]] = (type, table)
            }
            if let other = names.first(where: {
                $0 != type && $0.value.lowercased() == type.value.lowercased()
            }) {
                note(
                    .clash, type.position,
                    "relationship types \(other.value) and \(type.value) differ only by upper and lower case",
                    severity: .warning)
            }
            names.append(type)
        }
    }

    /// Every relationship whose two ends are nodes here, in its direction in the graph.
    var relationships: [(table: QualifiedName, type: Located<String>, from: String, to: String)] {
        var result: [(QualifiedName, Located<String>, String, String)] = []
        for entry in tables {
            switch entry.role {
            case .node(let node):
                for reference in node.references {
                    guard let other = nodes[reference.end.references.value]?.labels[0] else { continue }
                    let ends = reference.isReversed ? (other, node.labels[0].value) : (node.labels[0].value, other)
                    result.append((entry.table.value, reference.type, ends.0, ends.1))
                }
            case .join(let join):
                guard let from = nodes[join.from.references.value]?.labels[0],
                    let to = nodes[join.to.references.value]?.labels[0]
                else { continue }
                result.append((entry.table.value, join.type, from, to))
            case .skip: break
            }
        }
        return result
    }

    /// Something is mapped, and what is not mentioned is named.
    mutating func checkCoverage() {
        if !tables.contains(where: { $0.role != .skip }) {
            note(.value, nil, "\(file) maps no table", "run lockstep init to have one proposed")
        }
        let mentioned = Set(tables.map(\.table.value))
        for table in catalog.tables where !mentioned.contains(table.name) {
            note(
                .unknownName, nil, "table \(table.name) is not in the mapping",
                "run lockstep init again to add it, or write skip: true under it", severity: .note)
        }
    }
}
