// Part of Lockstep. See LICENSE.

internal import PostgreSQL

/// Decides what each table becomes.
struct ProposalBuilder {
    let catalog: Catalog
    /// What the file says already, by table.
    let known: [QualifiedName: TableEntry]
    /// The tables to decide on.
    let candidates: [Catalog.Table]
    /// Of the candidates: those that become relationships, with their two foreign keys.
    private var joins: [QualifiedName: (from: Catalog.ForeignKey, to: Catalog.ForeignKey)] = [:]
    /// Of the candidates that become nodes.
    private var labels: [QualifiedName: String] = [:]
    private var usedRelationships: Set<[String]> = []
    /// Tables that a foreign key refers to.
    let referenced: Set<QualifiedName>

    init(catalog: Catalog, known: [TableEntry]) {
        self.catalog = catalog
        self.known = Dictionary(known.map { ($0.table.value, $0) }, uniquingKeysWith: { first, _ in first })
        referenced = Set(catalog.tables.flatMap { table in table.foreignKeys.map(\.referencedTable) })
        candidates = catalog.tables.filter { table in !known.contains { $0.table.value == table.name } }
    }

    mutating func build() -> [ProposedTable] {
        for table in candidates where !referenced.contains(table.name) && key(of: table) != nil {
            joins[table.name] = joinEnds(table)
        }
        labels = LabelChoice(
            taken: known.values.flatMap { entry in
                if case .node(let node) = entry.role { return node.labels.map(\.value) }
                return []
            }
        ).choose(
            for: candidates.filter { (key(of: $0) != nil && joins[$0.name] == nil) || countsRows($0) }.map(\.name))
        noteUsedRelationships()
        return candidates.map { table in
            if let ends = joins[table.name] { return join(table, from: ends.from, to: ends.to) }
            if let label = labels[table.name] { return node(table, label: label, key: key(of: table) ?? []) }
            return skipped(table)
        }
    }

    // MARK: What a table is

    /// The columns of the node key that a table has or would have.
    private func key(of table: Catalog.Table) -> [String]? { catalog.key(of: table) }

    /// Its rows have nothing but themselves to be told apart by, and the stream carries that.
    private func countsRows(_ table: Catalog.Table) -> Bool {
        key(of: table) == nil && table.rowKeys.isEmpty && table.replicaIdentity == .full
            && table.columns.contains(where: catalog.isInStream)
    }

    /// The label of a table that is, or becomes, a node.
    private func label(of table: QualifiedName) -> String? {
        if case .node(let node)? = known[table]?.role { return node.labels.first?.value }
        return labels[table]
    }

    private func isNode(_ name: QualifiedName) -> Bool {
        switch known[name]?.role {
        case .node(let node): node.distinct == nil && !node.isOwn
        case .join, .skip: false
        case nil: joins[name] == nil && catalog.table(name).map { key(of: $0) != nil } ?? false
        }
    }

    /// The columns of a node's key: as the file says, or as it is proposed.
    private func nodeKey(_ table: Catalog.Table) -> [String] {
        if case .node(let node)? = known[table.name]?.role { return node.key.map(\.column.value) }
        return key(of: table) ?? []
    }

    /// The two foreign keys that the primary key is made of; neither of them covers it alone.
    private func joinEnds(_ table: Catalog.Table) -> (from: Catalog.ForeignKey, to: Catalog.ForeignKey)? {
        guard let primaryKey = table.primaryKey, key(of: table) == primaryKey else { return nil }
        let all = Set(primaryKey)
        let parts = table.foreignKeys.filter { foreignKey in
            Set(foreignKey.columns).isStrictSubset(of: all) && foreignKey.coverage == .allRows
                && isNode(foreignKey.referencedTable)
                && catalog.table(foreignKey.referencedTable).map {
                    Set(foreignKey.referencedColumns) == Set(nodeKey($0)) && mismatch(foreignKey, table, $0) == nil
                } ?? false
        }.sorted { a, b in primaryKey.firstPosition(of: a.columns) < primaryKey.firstPosition(of: b.columns) }
        for (index, first) in parts.enumerated() {
            for second in parts[(index + 1)...] where Set(first.columns).union(second.columns) == all {
                return first.startsBefore(second, in: primaryKey) ? (first, second) : (second, first)
            }
        }
        return nil
    }

    /// Why a foreign key's columns cannot name the nodes of the other table.
    private func mismatch(_ foreignKey: Catalog.ForeignKey, _ table: Catalog.Table, _ other: Catalog.Table) -> String? {
        for (holding, referenced) in zip(foreignKey.columns, foreignKey.referencedColumns) {
            guard let column = table.column(holding), let target = other.column(referenced) else { continue }
            guard catalog.isInStream(column), catalog.isInStream(target) else {
                return "a generated column is not in the stream"
            }
            guard let conversion = conversion(of: target, in: other) else {
                return "\(referenced) is no property there"
            }
            let property = PropertyMapping(
                column: referenced, property: referenced, conversion: conversion, columnType: target.formattedType)
            if case .differs(let why) = KeyConversion(column: column, to: property, target: target, in: catalog) {
                return why
            }
        }
        return nil
    }

    /// How a column of a node goes over; nil where the file does not map it.
    private func conversion(of column: Catalog.Column, in table: Catalog.Table) -> ValueConversion? {
        guard case .node(let node)? = known[table.name]?.role else { return .natural(for: column.type, in: catalog) }
        let entries = node.key + node.properties
        guard let entry = entries.first(where: { $0.column.value == column.name && $0.part == nil }) else {
            return nil
        }
        var conversion = entry.choice(among: ValueConversion.choices(for: column.type, in: catalog))
        conversion?.policy = entry.policies.policy
        return conversion
    }

    /// What the file's own entries make cannot be made again.
    private mutating func noteUsedRelationships() {
        for entry in known.values {
            switch entry.role {
            case .node(let node):
                for reference in node.references {
                    guard let other = label(of: reference.end.references.value) else { continue }
                    let ends = reference.isReversed ? (other, node.labels[0].value) : (node.labels[0].value, other)
                    usedRelationships.insert([ends.0, reference.type.value, ends.1])
                }
            case .join(let join):
                guard let from = label(of: join.from.references.value), let to = label(of: join.to.references.value)
                else { continue }
                usedRelationships.insert([from, join.type.value, to])
            case .skip: break
            }
        }
    }

    /// The first of `types` that no other relationship between the two labels has, else one with a number.
    private mutating func uniqueType(_ types: [String], from: String, to: String) -> String {
        let numbered = (2...).lazy.map { "\(types[0])_\($0)" }
        let free = types.first { !usedRelationships.contains([from, $0, to]) }
        let type = free ?? numbered.first { [usedRelationships] in !usedRelationships.contains([from, $0, to]) }!
        usedRelationships.insert([from, type, to])
        return type
    }
}

// MARK: - The entries

extension ProposalBuilder {
    private func skipped(_ table: Catalog.Table) -> ProposedTable {
        let generated = table.usableKey != nil
        let reason =
            generated
            ? "its key has a generated column, which the stream does not carry"
            : table.missingKeyReason
        let leftOut = Proposal.LeftOut(
            table: table.name, message: reason, remedy: generated ? nil : table.keyRemedy)
        return ProposedTable(
            entry: TableEntry(table: Located(table.name), role: .skip), reason: reason, leftOut: [leftOut])
    }

    private mutating func node(_ table: Catalog.Table, label: String, key: [String]) -> ProposedTable {
        var proposed = ProposedTable(entry: TableEntry(table: Located(table.name), role: .skip))
        let mapped = references(of: table, label: label, &proposed)
        let related = columnsOnlyInRelationships(table, mapped, key: key)
        let others = table.columns.filter { !key.contains($0.name) && !related.contains($0.name) }
        let inStream = others.filter(catalog.isInStream)
        var names = PropertyNames()
        let keyEntries = key.map { names.entry(for: $0) }
        let properties = inStream.map { names.entry(for: $0.name) }
        let excluded = others.filter { !catalog.isInStream($0) }.map(\.name)

        let distinct = key.isEmpty ? names.distinct() : nil
        proposed.reason = relationshipInstead(table, key: key, mapped.map(\.entry)) ?? ""
        proposed.nameReason = nameReason(table.name, label, isDistinct: distinct != nil)
        proposed.keyReason = distinct == nil ? keyReason(table, key) : "no key, and REPLICA IDENTITY FULL"
        proposed.propertyReasons = inStream.map { typeReason($0) + softDeleteHint($0) + severalTablesHint($0, table) }
        proposed.excludeReason = excludeReason(others)
        proposed.entry = TableEntry(
            table: Located(table.name),
            role: .node(
                NodeEntry(
                    labels: [Located(label)], key: keyEntries, properties: properties,
                    references: mapped.map(\.entry), distinct: distinct)),
            excluded: excluded.map { Located($0) })
        return proposed
    }

    private mutating func join(
        _ table: Catalog.Table, from: Catalog.ForeignKey, to: Catalog.ForeignKey
    ) -> ProposedTable {
        let ends = [from, to].map { end in
            EndEntry(columns: orderedColumns(end).map { Located($0) }, references: Located(end.referencedTable))
        }
        let type = uniqueType(
            [Naming.type(table.name.name)], from: label(of: from.referencedTable) ?? "",
            to: label(of: to.referencedTable) ?? "")
        let others = table.columns.filter { !from.columns.contains($0.name) && !to.columns.contains($0.name) }
        let inStream = others.filter(catalog.isInStream)
        var names = PropertyNames()
        let properties = inStream.map { names.entry(for: $0.name) }
        let excluded = others.filter { !catalog.isInStream($0) }.map { Located($0.name) }
        let entry = JoinEntry(type: Located(type), from: ends[0], to: ends[1], properties: properties)
        var proposed = ProposedTable(
            entry: TableEntry(table: Located(table.name), role: .join(entry), excluded: excluded),
            reason:
                "each row becomes a relationship: the primary key is made of two foreign keys, and nothing refers to it"
        )
        proposed.nameReason = "the table's name"
        proposed.fromReason = "foreign key \(from.constraintName)"
        proposed.toReason = "foreign key \(to.constraintName)"
        proposed.propertyReasons = inStream.map { typeReason($0) + softDeleteHint($0) }
        proposed.excludeReason = excludeReason(others)
        for other in table.foreignKeys
        where other.constraintName != from.constraintName && other.constraintName != to.constraintName {
            proposed.leftOut.append(
                Proposal.LeftOut(
                    table: table.name,
                    message: "\(other.text(of: table)): a relationship cannot have relationships of its own",
                    remedy: "to have it, make this table a node: label, key and relationships in place of these"))
        }
        return proposed
    }

    /// The foreign keys that become relationships; the others are noted with the reason.
    private mutating func references(
        of table: Catalog.Table, label: String, _ proposed: inout ProposedTable
    ) -> [(entry: ReferenceEntry, foreignKey: Catalog.ForeignKey)] {
        var result: [(entry: ReferenceEntry, foreignKey: Catalog.ForeignKey)] = []
        for foreignKey in table.foreignKeys {
            func leaveOut(_ reason: String, _ remedy: String?) {
                proposed.leftOut.append(
                    Proposal.LeftOut(
                        table: table.name, message: "\(foreignKey.text(of: table)): \(reason)", remedy: remedy))
            }
            if foreignKey.coverage == .periods {
                leaveOut("it is \(Catalog.ForeignKey.aboutPeriods)", nil)
                continue
            }
            let other = foreignKey.referencedTable
            guard isNode(other), let target = catalog.table(other), let targetLabel = self.label(of: other) else {
                leaveOut(
                    noNodeReason(other),
                    catalog.table(other).flatMap { known[other] == nil ? $0.keyRemedy : nil })
                continue
            }
            if let reason = mismatch(foreignKey, table, target) {
                leaveOut(reason, "give both columns one type")
                continue
            }
            let twin = result.first {
                $0.foreignKey.referencedTable == other && Set($0.foreignKey.columns) == Set(foreignKey.columns)
            }
            if let twin {
                leaveOut("says the same as \(twin.foreignKey.constraintName)", nil)
                continue
            }
            let (types, why) = typeNames(foreignKey)
            let type = uniqueType(types, from: label, to: targetLabel)
            let end = EndEntry(
                columns: orderedColumns(foreignKey).map { Located($0) },
                references: Located(foreignKey.referencedTable),
                isEnforced: foreignKey.coverage == .allRows)
            result.append(
                (ReferenceEntry(type: Located(type), end: end), foreignKey))
            let byKey = Set(foreignKey.referencedColumns) == Set(nodeKey(target))
            proposed.referenceReasons.append(
                "foreign key \(foreignKey.constraintName); "
                    + (type == types[0] ? why : "named so because \(types[0]) is taken")
                    + (foreignKey.gap.map { "; it is \($0), so rows may refer to nothing" } ?? "")
                    + (byKey
                        ? "" : "; refers to the unique key (\(foreignKey.referencedColumns.joined(separator: ", ")))"))
        }
        return result
    }

    /// Why a table that is referred to has no nodes to refer to.
    private func noNodeReason(_ name: QualifiedName) -> String {
        switch known[name]?.role {
        case .skip: "\(name) is skipped"
        case .join: "\(name) is a relationship"
        case .node(let node): node.isOwn ? "\(name) has no label" : "the nodes of \(name) count equal rows"
        case nil: labels[name] == nil ? "\(name) is skipped, see there" : "the nodes of \(name) count equal rows"
        }
    }

    /// In the order of the other node's key, where the foreign key refers to that.
    private func orderedColumns(_ foreignKey: Catalog.ForeignKey) -> [String] {
        let key = catalog.table(foreignKey.referencedTable).map(nodeKey) ?? []
        return foreignKey.pairs(inOrderOf: key).map(\.column)
    }

    /// Columns whose value the relationships tell; the others stay properties.
    private func columnsOnlyInRelationships(
        _ table: Catalog.Table, _ mapped: [(entry: ReferenceEntry, foreignKey: Catalog.ForeignKey)], key: [String]
    ) -> Set<String> {
        var result: Set<String> = []
        for (_, foreignKey) in mapped {
            // A foreign key that is NULL in one column makes no relationship: the others' values would be lost.
            let isPartial =
                foreignKey.columns.count > 1
                && foreignKey.columns.contains { table.column($0)?.isNotNull != true }
            if !isPartial { result.formUnion(foreignKey.columns) }
        }
        // What another table refers to must be found here.
        for other in catalog.tables {
            for foreignKey in other.foreignKeys where foreignKey.referencedTable == table.name {
                result.subtract(foreignKey.referencedColumns)
            }
        }
        return result.subtracting(key)
    }

    /// Names for a foreign key's relationship, best first, and the reason for the first.
    private func typeNames(_ foreignKey: Catalog.ForeignKey) -> (types: [String], reason: String) {
        let target = Naming.singularType(foreignKey.referencedTable.name)
        let constraint = Naming.type(foreignKey.constraintName)
        if foreignKey.columns.count == 1 {
            let column = foreignKey.columns[0]
            let full = Naming.type(column)
            guard let role = Naming.role(column) else {
                return ([target, full, constraint], "named for the table that it refers to")
            }
            return ([role, full, constraint], "named for the column")
        }
        // Of (tenant_id, author_id) -> (tenant_id, id), author_id says the role.
        let telling = zip(foreignKey.columns, foreignKey.referencedColumns).filter { $0 != $1 }.map { $0.0 }
        if telling.count == 1, let role = Naming.role(telling[0]) {
            return ([role, target, constraint], "named for the column \(telling[0])")
        }
        return ([target, constraint], "named for the table that it refers to")
    }

    // MARK: Reasons

    private func nameReason(_ table: QualifiedName, _ label: String, isDistinct: Bool) -> String {
        let node =
            isDistinct ? "a node for each distinct row, which counts how often it is there" : "a node for each row"
        let singular = Naming.label(table.name)
        if label == singular {
            let isPlural = label != Naming.pluralLabel(table.name)
            return "\(node); the table's name" + (isPlural ? " in the singular" : "")
        }
        return "\(node); \(singular) is taken or reserved"
    }

    private func keyReason(_ table: Catalog.Table, _ key: [String]) -> String {
        let types = key.compactMap { table.column($0).map(typeReason) }.joined(separator: ", ")
        return (key == table.primaryKey ? "primary key" : "unique key, carried by the replica identity") + ": " + types
    }

    private func excludeReason(_ columns: [Catalog.Column]) -> String {
        columns.first { !catalog.isInStream($0) }.map(catalog.reasonNotInStream) ?? ""
    }

    /// `numeric(10,2) -> string`.
    /// A column that is named as those are that mark rows as deleted.
    private func softDeleteHint(_ column: Catalog.Column) -> String {
        let isFlag = catalog.underlyingType(of: column.type)?.name == "bool"
        switch Naming.words(of: column.name) {
        case ["deleted", "at"], ["deleted", "on"], ["removed", "at"]:
            return column.isNotNull || isFlag ? "" : "; softDelete: \(column.name) leaves out rows where it is set"
        case ["is", "deleted"], ["deleted"]:
            return isFlag ? "; softDelete: {column: \(column.name), equals: true} leaves out such rows" : ""
        default: return ""
        }
    }

    private func typeReason(_ column: Catalog.Column) -> String {
        let conversion = ValueConversion.natural(for: column.type, in: catalog)
        let note: String
        switch (conversion.source, conversion.target) {
        case (.numeric, .string): note = ", exact; as: float rounds"
        case (.printed, _): note = ", as PostgreSQL prints it"
        default: note = ""
        }
        return "\(column.formattedType) -> \(conversion.name)\(note)"
    }
}

extension Catalog.ForeignKey {
    /// `foreign key orders_ship_fk (ship_via) to public.shippers`.
    func text(of table: Catalog.Table) -> String {
        "foreign key \(constraintName) (\(columns.joined(separator: ", "))) to \(referencedTable)"
    }

    fileprivate func startsBefore(_ other: Catalog.ForeignKey, in key: [String]) -> Bool {
        // Columns that both have say nothing of the order: (tenant_id, user_id) and (tenant_id, role_id).
        let own = columns.filter { !other.columns.contains($0) }
        let others = other.columns.filter { !columns.contains($0) }
        return key.firstPosition(of: own) < key.firstPosition(of: others)
    }
}

extension [String] {
    fileprivate func firstPosition(of columns: [String]) -> Int { firstIndex { columns.contains($0) } ?? count }
}
