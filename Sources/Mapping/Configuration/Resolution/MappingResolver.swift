// Part of Lockstep. See LICENSE.

internal import PostgreSQL

/// Holds a mapping file against the catalog, table by table: first the nodes by themselves, then what joins them.
struct MappingResolver {
    let tables: [TableEntry]
    let schema: [SchemaEntry]
    let fileNames: [QualifiedName: [String: String]]
    let pipeline: String
    /// The file's name, for messages.
    let file: String
    let catalog: Catalog
    var faults: [MappingFault] = []
    /// The nodes whose keys are fine, by table; references are added in the second pass.
    private(set) var nodes: [QualifiedName: NodeMapping] = [:]
    private var entries: [QualifiedName: TableEntry] = [:]

    init(
        tables: [TableEntry], schema: [SchemaEntry] = [], fileNames: [QualifiedName: [String: String]] = [:],
        pipeline: String, file: String, catalog: Catalog
    ) {
        self.tables = tables
        self.schema = schema
        self.fileNames = fileNames
        self.pipeline = pipeline
        self.file = file
        self.catalog = catalog
        entries = Dictionary(tables.map { ($0.table.value, $0) }, uniquingKeysWith: { first, _ in first })
    }

    mutating func resolve() -> GraphMapping {
        let known = tables.compactMap { entry in table(of: entry).map { (entry, $0) } }
        for (entry, table) in known {
            if case .node(let node) = entry.role { nodes[table.name] = self.node(node, entry, table) }
        }
        var result = GraphMapping(pipeline: pipeline, nodes: [], joins: [])
        for (entry, table) in known {
            switch entry.role {
            case .node(let node):
                let references = node.references.compactMap { reference($0, from: table) }
                let lookups = node.lookups.compactMap { lookup($0, from: table) }
                guard var mapping = nodes[table.name] else { continue }
                for (reference, isEnforced) in references {
                    let target = nodes.values.first { $0.label == reference.target.label }
                    let isByKey = Set(reference.target.key.map(\.property)) == Set(target?.key.map(\.property) ?? [])
                    // Of a table of which not all rows count the other row may not be there, whatever a constraint says.
                    let isSure = isEnforced && isByKey && target?.rows.isAlways != false
                    mapping.references.append(
                        isSure ? reference : reference.kept(by: &mapping, fileNames[table.name] ?? [:]))
                }
                mapping.lookups = lookups.map { $0.kept(by: &mapping, fileNames[table.name] ?? [:]) }
                checkLabels(node.lookups, of: mapping)
                checkWholeRows(mapping.rows, mapping.columns, entry)
                result.nodes.append(mapping)
            case .join(let join):
                if let refresh = entry.refresh {
                    if let mapping = computed(join, refresh, entry) { result.computed.append(mapping) }
                } else if let mapping = self.join(join, entry, table) {
                    checkWholeRows(mapping.rows, mapping.columns, entry)
                    result.joins.append(mapping)
                }
            case .skip: break
            }
        }
        checkNames()
        checkCoverage()
        result.schema = items(of: schema, in: result)
        return result
    }

    mutating func note(
        _ kind: MappingFault.Kind, _ position: FilePosition?, _ message: String, _ remedy: String? = nil,
        severity: MappingFault.Severity = .error
    ) {
        faults.append(MappingFault(kind, at: position, message, remedy: remedy, severity: severity))
    }

    private mutating func table(of entry: TableEntry) -> Catalog.Table? {
        let name = entry.table.value
        if let query = entry.query { return self.query(query, called: name) }
        if let table = catalog.table(name), entry.refresh == nil { return table }
        if catalog.table(name) != nil || catalog.view(name) != nil { return view(of: entry) }
        let remedy = Suggestion.remedy(for: name.description, among: catalog.tables.map(\.name.description))
        if entry.role == .skip {
            note(
                .unknownName, entry.table.position, "database \(catalog.database) has no table \(name)",
                remedy ?? "the entry can go", severity: .warning)
        } else {
            note(.unknownName, entry.table.position, "database \(catalog.database) has no table \(name)", remedy)
        }
        return nil
    }
}

// One table.
extension MappingResolver {
    /// Nil where its key is not fine: then nothing that refers to it is reported for that.
    private mutating func node(_ node: NodeEntry, _ entry: TableEntry, _ table: Catalog.Table) -> NodeMapping? {
        for label in node.labels where label.position != nil { checkName(label, "label", reserved: "Lockstep") }
        if let distinct = node.distinct { return self.distinct(distinct, node, entry, table) }
        let key = node.key.map { property($0, table, isKey: true) }
        let properties = node.properties.compactMap { property($0, table) }
        checkProperties(node.key + node.properties + node.lookups.flatMap(\.properties) + namesBesideColumns(entry))
        let conditionalLabels = conditionalLabels(node, entry, table)
        let (rows, extra) = (condition(of: entry, table), extra(entry, table))
        checkExcluded(entry, table, mapped: node.key + node.properties)
        let found = key.compactMap(\.self)
        guard found.count == key.count else { return nil }
        let columns = node.key.map(\.column.value)
        guard checkKey(columns, at: node.keyPosition.position, table) else { return nil }
        var mapping = NodeMapping(
            table: table.name, labels: node.labels.map(\.value), key: found, properties: properties, references: [],
            isKeyDeferrable: table.isDeferrable(columns))
        (mapping.rows, mapping.conditionalLabels, mapping.extra) = (rows, conditionalLabels, extra)
        mapping.custom = node.custom.map { custom($0, of: mapping, entry) }
        return mapping
    }

    /// What a row of a table, a view or a query becomes between two nodes.
    mutating func relationship(
        _ join: JoinEntry, _ entry: TableEntry, _ table: Catalog.Table, isView: Bool = false
    ) -> JoinMapping? {
        checkName(join.type, "relationship type")
        let from = end(join.from, from: table, isEnforced: join.from.isEnforced && !isView, isJoin: true)
        let to = end(join.to, from: table, isEnforced: join.to.isEnforced && !isView, isJoin: true)
        let properties = join.properties.compactMap { property($0, table) }
        let key = join.key.map { property($0, table, isKey: true) }
        checkProperties(join.key + join.properties + namesBesideColumns(entry))
        let extra = extra(entry, table)
        checkExcluded(entry, table, mapped: join.key + join.properties)
        let ownKey = key.compactMap(\.self)
        guard let from, let to, ownKey.count == key.count else { return nil }
        var mapping = JoinMapping(
            table: table.name, type: join.type.value, ownKey: ownKey, from: from, to: to, properties: properties)
        mapping.extra = extra
        return mapping
    }

    private mutating func join(_ join: JoinEntry, _ entry: TableEntry, _ table: Catalog.Table) -> JoinMapping? {
        let rows = condition(of: entry, table)
        if let label = entry.softDelete?.label {
            note(.value, label.position, "a relationship has no labels", "leave as: label out")
        }
        guard var mapping = relationship(join, entry, table) else { return nil }
        mapping.rows = rows
        mapping.waits = [join.from, join.to].contains {
            !$0.isEnforced || nodes[$0.references.value]?.rows.isAlways == false
        }
        if mapping.waits { checkWholeWaiting(join, mapping, table) }
        let columns = join.identifyingColumns
        if mapping.isKeyed {
            guard checkKey(columns, at: join.key[0].column.position, table) else { return nil }
            checkLooseEnds(join, mapping, table)
        } else {
            guard checkKey(columns, at: join.type.position, table, what: "from and to") else { return nil }
        }
        mapping.isKeyDeferrable = table.isDeferrable(columns)
        return mapping
    }

    mutating func property(
        _ entry: ColumnEntry, _ table: Catalog.Table, isKey: Bool = false
    ) -> PropertyMapping? {
        checkName(entry.property, "property", reserved: PropertyMapping.ownPrefix)
        guard let column = column(entry.column, of: table) else { return nil }
        guard let conversion = conversion(entry, column, isKey: isKey) else { return nil }
        return PropertyMapping(
            column: column.name, property: entry.property.value, conversion: conversion,
            columnType: column.formattedType)
    }

    mutating func column(_ name: Located<String>, of table: Catalog.Table) -> Catalog.Column? {
        guard let column = table.column(name.value) else {
            note(
                .unknownName, name.position, "\(table.what) has no column \(name.value)",
                Suggestion.remedy(for: name.value, among: table.columns.map(\.name))
                    ?? "it has \(table.columns.map(\.name).joined(separator: ", "))")
            return nil
        }
        guard catalog.isInStream(column) else {
            note(
                .value, name.position, "column \(name.value) is \(catalog.reasonNotInStream(column))",
                "move it to exclude: [\(name.value)]")
            return nil
        }
        return column
    }

    /// The columns identify a row, and the stream carries them.
    private mutating func checkKey(
        _ columns: [String], at position: FilePosition?, _ table: Catalog.Table, what: String = "the key"
    ) -> Bool {
        let list = columns.joined(separator: ", ")
        let wanted = Set(columns)
        guard table.rowKeys.contains(where: { Set($0) == wanted }) else {
            let isUnique = table.uniqueKeys.contains { Set($0.columns) == wanted }
            let nullable = columns.filter { table.column($0)?.isNotNull != true }
            if isUnique, !nullable.isEmpty {
                let changes = nullable.map { "ALTER COLUMN \(QualifiedName.quoted($0)) SET NOT NULL" }
                note(
                    .key, position, "\(what) (\(list)) can be NULL in \(nullable.joined(separator: ", "))",
                    "ALTER TABLE \(table.name) \(changes.joined(separator: ", "));")
            } else {
                note(
                    .key, position, "\(what) (\(list)) is neither the primary key of \(table.name) nor a unique key",
                    table.rowKeys.first.map { "a key is (\($0.joined(separator: ", ")))" } ?? table.keyRemedy)
            }
            return false
        }
        guard table.identityColumns.isSuperset(of: wanted) else {
            let identity = table.identityColumns.sorted().joined(separator: ", ")
            let carried = identity.isEmpty ? "nothing" : "only (\(identity))"
            note(
                .key, position,
                "updates and deletes of \(table.name) do not say which row they mean: its replica identity carries "
                    + "\(carried), not \(what) (\(list))",
                table.identityRemedy(for: columns))
            return false
        }
        return checkPartitions(of: table, carry: columns, at: position)
    }

    mutating func checkExcluded(_ entry: TableEntry, _ table: Catalog.Table, mapped: [ColumnEntry]) {
        for name in entry.excluded {
            if table.column(name.value) == nil {
                note(
                    .unknownName, name.position, "\(table.what) has no column \(name.value)",
                    Suggestion.remedy(for: name.value, among: table.columns.map(\.name)) ?? "the entry can go",
                    severity: .warning)
            } else if mapped.contains(where: { $0.column == name }) {
                note(.clash, name.position, "column \(name.value) is mapped and excluded")
            }
        }
    }
}

// What joins tables.
extension MappingResolver {
    private mutating func reference(
        _ entry: ReferenceEntry, from table: Catalog.Table
    ) -> (ReferenceMapping, isEnforced: Bool)? {
        checkName(entry.type, "relationship type")
        guard var target = end(entry.end, from: table, isEnforced: entry.isEnforced) else { return nil }
        if let condition = entry.condition {
            guard let test = test(condition.column, condition.values, of: table) else { return nil }
            guard nodes[table.name]?.distinct == nil else {
                note(
                    .reference, condition.column.position, "nodes that count equal rows refer to one table by a column",
                    "give \(table.name) a key")
                return nil
            }
            for index in target.key.indices { target.key[index].condition = test }
        }
        return (
            ReferenceMapping(type: entry.type.value, target: target, isReversed: entry.isReversed), entry.isEnforced
        )
    }

    mutating func end(
        _ entry: EndEntry, from table: Catalog.Table, isEnforced: Bool = true, isJoin: Bool = false
    ) -> RelationshipEnd? {
        let columns = entry.columns.map { column($0, of: table) }
        guard let target = target(entry.references), columns.allSatisfy({ $0 != nil }),
            let other = catalog.table(target.table)
        else { return nil }
        let names = entry.columns.map(\.value)
        let key = target.key.map(\.column)
        let position = entry.columns[0].position
        guard let foreignKey = table.foreignKey(over: names, to: target.table, key: key) else {
            guard !isEnforced, names.count == key.count else {
                reportMissingForeignKey(entry, table, target)
                return nil
            }
            let pairs = zip(names, key).map { (column: $0, referenced: $1) }
            return end("(\(names.joined(separator: ", ")))", pairs, from: table, to: target, other, at: position)
        }
        guard foreignKey.coverage != .periods else {
            note(
                .reference, position, "\(foreignKey.constraintName) is \(Catalog.ForeignKey.aboutPeriods)",
                "leave the relationship out, and map its columns as properties")
            return nil
        }
        if isEnforced, let gap = foreignKey.gap {
            note(
                .reference, position,
                "\(foreignKey.constraintName) is \(gap): rows may refer to rows that are not there",
                foreignKey.completion(of: table) + Self.orUnenforced)
            return nil
        }
        guard !isJoin || Set(foreignKey.referencedColumns) == Set(key) else {
            note(
                .reference, position,
                "\(foreignKey.constraintName) refers to \(target.table) by (\(foreignKey.referencedColumns.joined(separator: ", "))), "
                    + "and a table of relationships has to by its node's key (\(key.joined(separator: ", ")))",
                "make the table a node (label and key), whose relationships can")
            return nil
        }
        let pairs = foreignKey.pairs(inOrderOf: key)
        return end(foreignKey.constraintName, pairs, from: table, to: target, other, at: position)
    }

    /// What helps beside a constraint.
    private static let orUnenforced =
        " Or say enforced: false, and the relationship is there whenever both rows are"

    private mutating func end(
        _ name: String, _ pairs: [(column: String, referenced: String)], from table: Catalog.Table,
        to target: NodeMapping, _ other: Catalog.Table, at position: FilePosition?
    ) -> RelationshipEnd? {
        var result = RelationshipEnd(label: target.labels[0], key: [])
        for (holding, referenced) in pairs {
            guard let column = table.column(holding), let targetColumn = other.column(referenced) else { return nil }
            let properties = (target.key + target.properties).filter { $0.conversion.part == nil }
            guard let property = properties.first(where: { $0.column == referenced }) else {
                note(
                    .reference, position,
                    "\(name) refers to \(other.name).\(referenced), which is no property there",
                    "map \(referenced) in \(other.name)")
                return nil
            }
            let place = "\(table.name).\(holding) cannot find nodes by \(other.name).\(referenced)"
            switch KeyConversion(column: column, to: property, target: targetColumn, in: catalog) {
            case .fits(let conversion):
                result.key.append(property.with(column: column, conversion))
            case .fitsMostly(let conversion, let reason):
                note(.reference, position, "\(place) in every case: \(reason)", severity: .warning)
                result.key.append(property.with(column: column, conversion))
            case .differs(let reason):
                note(
                    .reference, position, "\(place): \(reason)",
                    "give both columns one type, or one `as` that both take")
                return nil
            }
        }
        return result
    }

    /// The node that `references` names; nil where there is none, or its own faults are reported already.
    private mutating func target(_ name: Located<QualifiedName>) -> NodeMapping? {
        if let node = nodes[name.value] {
            guard !node.isOwn else {
                note(
                    .reference, name.position, "\(name.value) has no label: there is nothing that can be referred to",
                    "give \(name.value) a label beside its cypher, or leave this relationship out")
                return nil
            }
            guard node.distinct != nil else { return node }
            note(
                .reference, name.position,
                "the nodes of \(name.value) count equal rows: nothing can refer to one of them",
                "give \(name.value) a key, or leave this out")
            return nil
        }
        switch entries[name.value]?.role {
        case .node: break
        case .join:
            note(
                .reference, name.position, "\(name.value) becomes relationships, and no relationship can lead to one",
                "give it a label and a key instead of relationship, from and to")
        case .skip:
            note(.reference, name.position, "\(name.value) is skipped", "map it, or leave this out")
        case nil where catalog.table(name.value) != nil:
            note(.reference, name.position, "\(name.value) is not in this mapping", "add it under tables")
        case nil:
            note(
                .unknownName, name.position, "database \(catalog.database) has no table \(name.value)",
                Suggestion.remedy(for: name.value.description, among: catalog.tables.map(\.name.description)))
        }
        return nil
    }

    private mutating func reportMissingForeignKey(
        _ entry: EndEntry, _ table: Catalog.Table, _ target: NodeMapping
    ) {
        let names = entry.columns.map(\.value)
        let key = target.key.map(\.column)
        let position = entry.columns[0].position
        if names.count != key.count, !table.foreignKeys.contains(where: { $0.referencedTable == target.table }) {
            note(
                .reference, position,
                "\(names.count) columns stand here, but the key of \(target.table) is (\(key.joined(separator: ", ")))")
            return
        }
        let others = table.foreignKeys.filter { $0.referencedTable == target.table }
        let remedy =
            others.isEmpty
            ? "ALTER TABLE \(table.name) ADD FOREIGN KEY (\(names.sqlList)) REFERENCES \(target.table) (\(key.sqlList));"
                + Self.orUnenforced
            : "its foreign keys there are over "
                + others.map { "(\($0.columns.joined(separator: ", ")))" }.joined(separator: " and ")
        note(
            .reference, position,
            "no foreign key leads from \(table.name) (\(names.joined(separator: ", "))) to \(target.table)", remedy)
    }
}

extension Catalog.ForeignKey {
    /// What keeps it from being believed of every row.
    var gap: String? {
        switch coverage {
        case .allRows, .periods: nil
        case .newRows: "NOT VALID"
        case .noRows: "NOT ENFORCED"
        case .somePartitions: "on some partitions only"
        }
    }

    /// Said of a constraint with PERIOD.
    static let aboutPeriods = "about periods that cover others: it names no row by equal values"

    /// The SQL that has the constraint hold for all rows.
    func completion(of table: Catalog.Table) -> String {
        let name = QualifiedName.quoted(constraintName)
        if coverage == .newRows { return "ALTER TABLE \(table.name) VALIDATE CONSTRAINT \(name);" }
        if coverage == .noRows { return "ALTER TABLE \(table.name) ALTER CONSTRAINT \(name) ENFORCED;" }
        return "ALTER TABLE \(table.name) ADD FOREIGN KEY (\(columns.sqlList)) "
            + "REFERENCES \(referencedTable) (\(referencedColumns.sqlList));"
    }

    /// Each column with the one it refers to; in the order of `key` where the foreign key refers to just that.
    func pairs(inOrderOf key: [String]) -> [(column: String, referenced: String)] {
        let pairs = zip(columns, referencedColumns).map { (column: $0, referenced: $1) }
        guard Set(referencedColumns) == Set(key) else { return pairs }
        return key.compactMap { name in pairs.first { $0.referenced == name } }
    }
}

extension Catalog.Table {
    /// For messages.
    fileprivate var what: String { name.isOfQuery ? "query \(name)" : "table \(name)" }

    /// The SQL that makes the stream carry just this key.
    fileprivate func identityRemedy(for key: [String]) -> String {
        if let primaryKey, Set(primaryKey) == Set(key) { return "ALTER TABLE \(name) REPLICA IDENTITY DEFAULT;" }
        let index = uniqueKeys.first { Set($0.columns) == Set(key) }?.indexName ?? "..."
        return "ALTER TABLE \(name) REPLICA IDENTITY USING INDEX \(QualifiedName.quoted(index));"
    }
}

extension PropertyMapping {
    /// The same property, filled from a column of another table.
    fileprivate func with(column: Catalog.Column, _ conversion: ValueConversion) -> PropertyMapping {
        PropertyMapping(
            column: column.name, property: property, conversion: conversion, columnType: column.formattedType)
    }
}

extension ReferenceMapping {
    /// The same, with its columns kept in properties of the holder: one for each column and type of value.
    fileprivate func kept(by holder: inout NodeMapping, _ fileNames: [String: String]) -> ReferenceMapping {
        var result = self
        // With a condition it is there for this target only.
        let suffix = condition == nil ? "" : "_\(type)_\(target.label)"
        result.kept = target.kept(by: &holder, fileNames, suffix: suffix)
        return result
    }
}

extension RelationshipEnd {
    /// Has the columns kept in properties of the holder, one for each column and type of value, and names these.
    func kept(by holder: inout NodeMapping, _ fileNames: [String: String], suffix: String = "") -> [String] {
        key.map { part in
            var own = part
            // A column that was renamed keeps its place in the graph.
            own.property = "\(PropertyMapping.ownPrefix)_\(fileNames[part.column] ?? part.column)\(suffix)"
            if let other = holder.properties.first(where: { $0.property == own.property }),
                other.conversion != own.conversion
            {
                own.property += "_\(own.conversion.name)"
            }
            if !holder.properties.contains(where: { $0.property == own.property }) { holder.properties.append(own) }
            return own.property
        }
    }
}
