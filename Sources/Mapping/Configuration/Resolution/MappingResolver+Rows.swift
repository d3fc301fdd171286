// Part of Lockstep. See LICENSE.

internal import PostgreSQL

// Which rows count, and labels that depend on the row.
extension MappingResolver {
    mutating func condition(of entry: TableEntry, _ table: Catalog.Table) -> RowCondition {
        var condition = RowCondition()
        if let filter = entry.filter, checkFilter(filter, table) {
            condition.filter = filter.value
            condition.filterPosition = filter.position
        }
        if let softDelete = entry.softDelete, softDelete.label == nil {
            condition.softDelete = test(softDelete.column, softDelete.value.map { [$0] } ?? [], of: table)
        }
        return condition
    }

    /// PostgreSQL would refuse the user's own updates where a filter asks for what the replica identity does not carry.
    private mutating func checkFilter(_ filter: Located<String>, _ table: Catalog.Table) -> Bool {
        guard catalog.serverVersion >= 150_000 else {
            note(
                .value, filter.position, "PostgreSQL \(catalog.serverVersion / 10_000) has no row filters",
                "upgrade to 15 or later, or use softDelete, which Lockstep evaluates")
            return false
        }
        let condition = SQLCondition(filter.value)
        if let fault = condition.fault {
            note(.value, filter.position, "where holds \(fault)", "write one condition, for instance where: tenant = 7")
            return false
        }
        let columns = table.columns.map(\.name).filter(condition.names.contains)
        guard !columns.isEmpty else {
            note(
                .unknownName, filter.position, "where names no column of \(table.name)",
                "it has \(table.columns.map(\.name).joined(separator: ", "))")
            return false
        }
        // A partition has a replica identity of its own; only a primary key is sure to be there on all.
        let identity = table.isPartitioned ? Set(table.primaryKey ?? []) : table.identityColumns
        let lacking = columns.filter { !identity.contains($0) }
        guard lacking.isEmpty else {
            let list = lacking.joined(separator: ", ")
            note(
                .key, filter.position,
                "where asks for \(list), which the replica identity of \(table.name) does not carry: PostgreSQL would "
                    + "refuse your own updates and deletes of the table",
                table.isPartitioned
                    ? "of a partitioned table, where takes columns of the primary key"
                    : "\(table.fullIdentitySQL) Or use softDelete, which Lockstep evaluates")
            return false
        }
        return true
    }

    /// A row that comes into the graph by an update has to come whole.
    mutating func checkWholeRows(_ condition: RowCondition, _ columns: [PropertyMapping], _ entry: TableEntry) {
        guard !condition.isAlways, let table = catalog.table(entry.table.value), table.replicaIdentity != .full else {
            return
        }
        let toasted = columns.map(\.column).filter { table.column($0).map(catalog.mayBeToasted) ?? false }
        guard let first = toasted.first else { return }
        note(
            .key, entry.filter?.position ?? entry.softDelete?.column.position,
            "an update may bring a row of \(table.name) into the graph, and the stream leaves out long values that it did "
                + "not change, as of \(first)",
            "\(table.fullIdentitySQL) Or exclude \(Array(Set(toasted)).sorted().joined(separator: ", "))")
    }

    /// The labels that depend on the row, those of several values together.
    mutating func conditionalLabels(
        _ node: NodeEntry, _ entry: TableEntry, _ table: Catalog.Table
    ) -> [ConditionalLabel] {
        var found: [ConditionalLabel] = []
        for columnLabel in node.columnLabels {
            for (label, values) in labels(columnLabel, of: table) {
                guard let test = test(columnLabel.column, values, of: table) else { break }
                found.append(ConditionalLabel(label: label, test: test))
            }
        }
        if let softDelete = entry.softDelete, let label = softDelete.label,
            let test = test(softDelete.column, softDelete.value.map { [$0] } ?? [], of: table)
        {
            found.append(ConditionalLabel(label: label.value, test: test))
        }
        for (index, label) in found.enumerated() {
            let place = node.columnLabels.first { $0.column.value == label.test.column }?.column.position
            checkName(Located(label.label, at: place), "label", reserved: "Lockstep")
            if found[..<index].contains(where: { $0.label == label.label }) {
                note(.clash, place, "label \(label.label) stands for two columns", "give one of them another label")
            } else if let owner = tables.first(where: { $0.owns(label.label) }), owner.table != entry.table {
                note(.clash, place, "label \(label.label) belongs to \(owner.table.value) already")
            }
        }
        if found.count > 60 {
            note(
                .value, entry.table.position, "\(table.name) has \(found.count) labels by columns, and 60 are the most")
        }
        return found
    }

    /// With the values that give it, none for all but NULL, in the order of the file.
    mutating func labels(
        _ entry: ColumnLabelEntry, of table: Catalog.Table
    ) -> [(label: String, values: [Located<String>])] {
        let type = table.column(entry.column.value).flatMap { catalog.underlyingType(of: $0.type) }
        guard let values = entry.values else {
            guard let type, type.kind == .enum else {
                note(
                    .value, entry.column.position, "\(entry.column.value) is no enum: what its labels are is not known",
                    "write values: {value: Label}, or label: Name")
                return []
            }
            return type.values.map { (Naming.pluralLabel($0), [Located($0, at: entry.column.position)]) }
        }
        // A flag gives its label while it is true, any other column while it is not NULL.
        if values.count == 1, values[0].value == nil {
            let isFlag = type?.name == "bool" && type?.schema == "pg_catalog"
            return [(values[0].label.value, isFlag ? [Located("true", at: entry.column.position)] : [])]
        }
        var found: [(label: String, values: [Located<String>])] = []
        for item in values {
            guard let value = item.value else { continue }
            if let index = found.firstIndex(where: { $0.label == item.label.value }) {
                found[index].values.append(value)
            } else {
                found.append((item.label.value, [value]))
            }
        }
        return found
    }

    /// - Parameters:
    ///   - values: None for all but NULL.
    ///   - isInStream: A tuple of the stream is asked, which may lack long values.
    mutating func test(
        _ name: Located<String>, _ values: [Located<String>], of table: Catalog.Table, isInStream: Bool = true
    ) -> ColumnTest? {
        guard let column = column(name, of: table) else { return nil }
        // Whether there is a value shows without reading it.
        let anything = ValueConversion(source: .text, target: .string)
        guard !values.isEmpty else {
            return ColumnTest(column: column.name, conversion: anything, columnType: column.formattedType)
        }
        let conversion = ValueConversion.natural(for: column.type, in: catalog)
        let type = catalog.underlyingType(of: column.type)
        guard [.bool, .int2, .int4, .int8, .text, .bpchar].contains(conversion.source), !conversion.isList else {
            note(
                .conversion, name.position, "values of \(column.formattedType) are not compared",
                "a flag, a whole number, a text or an enum can be")
            return nil
        }
        var test = ColumnTest(column: column.name, conversion: conversion, columnType: column.formattedType)
        for value in values {
            if let type, type.kind == .enum, !type.values.contains(value.value) {
                note(
                    .unknownName, value.position, "\(column.formattedType) has no value \(value.value)",
                    Suggestion.remedy(for: value.value, among: type.values)
                        ?? "it has \(type.values.joined(separator: ", "))")
                return nil
            }
            if isInStream, value.value.utf8.count > ColumnTest.valueBytesMax, catalog.mayBeToasted(column),
                table.replicaIdentity != .full
            {
                note(
                    .value, value.position,
                    "a value of more than \(ColumnTest.valueBytesMax) bytes may be left out of the stream",
                    table.fullIdentitySQL)
                return nil
            }
            let isFlag = conversion.source == .bool
            test.values.append(isFlag ? (["true": "t", "false": "f"][value.value] ?? value.value) : value.value)
            do throws(ValueError) {
                _ = try test.encodedValues()
            } catch {
                note(.value, value.position, "this is no value of \(column.name), \(column.formattedType)")
                return nil
            }
        }
        return test
    }
}

// Properties that are no column's.
extension MappingResolver {
    mutating func extra(_ entry: TableEntry, _ table: Catalog.Table) -> ExtraProperties {
        var extra = ExtraProperties()
        for constant in entry.constants {
            checkName(constant.property, "property", reserved: PropertyMapping.ownPrefix)
            extra.constants.append(ConstantProperty(property: constant.property.value, value: constant.value))
        }
        for derived in entry.derived {
            checkName(derived.property, "property", reserved: PropertyMapping.ownPrefix)
            if let property = property(derived, table) { extra.derived.append(property) }
        }
        return extra
    }

    private mutating func property(_ entry: DerivedEntry, _ table: Catalog.Table) -> DerivedProperty? {
        var parts: [DerivedProperty.Part] = []
        var columns: [Catalog.Column] = []
        for part in entry.parts {
            switch part {
            case .words(let words): parts.append(.words(words))
            case .column(let name, let otherwise):
                guard let column = column(Located(name, at: entry.position), of: table) else { return nil }
                let choices = ValueConversion.choices(for: column.type, in: catalog)
                guard let conversion = choices.first(where: { $0.target == .string && !$0.isList }) else {
                    note(
                        .conversion, entry.position, "\(column.formattedType) of \(name) has no text to put in",
                        "make it a generated column")
                    return nil
                }
                columns.append(column)
                parts.append(
                    .column(
                        PropertyMapping(
                            column: name, property: entry.property.value, conversion: conversion,
                            columnType: column.formattedType), otherwise: otherwise))
            }
        }
        guard let first = columns.first else {
            note(.value, entry.position, "the template of \(entry.property.value) names no column", "use constants")
            return nil
        }
        let long = columns.first(where: catalog.mayBeToasted)
        if let long, columns.contains(where: { $0.name != first.name }), table.replicaIdentity != .full {
            note(
                .key, entry.position,
                "\(entry.property.value) is made of several columns, and the stream leaves out a long value of \(long.name) "
                    + "while another changes",
                "\(table.fullIdentitySQL) Or make it a generated column")
            return nil
        }
        return DerivedProperty(property: entry.property.value, parts: parts)
    }

    /// As entries of columns, for names that clash.
    func namesBesideColumns(_ entry: TableEntry) -> [ColumnEntry] {
        entry.constants.map { ColumnEntry(column: Located("constants"), property: $0.property) }
            + entry.derived.map { ColumnEntry(column: Located("derived"), property: $0.property) }
    }
}

extension TableEntry {
    /// The label carries the key of its nodes.
    fileprivate func owns(_ label: String) -> Bool {
        if case .node(let node) = role { node.labels[0].value == label } else { false }
    }
}

extension Catalog {
    /// Whether a value can be so long that it is stored out of line: an update that leaves it alone comes without it.
    func mayBeToasted(_ column: Column) -> Bool {
        guard column.mayBeToasted else { return false }
        let length = Int(column.typeModifier) - 4
        switch underlyingType(of: column.type)?.oid {
        case TypeOID.varchar?, TypeOID.bpchar?:
            // Up to four bytes a character.
            return column.typeModifier < 0 || length * 4 > ColumnTest.valueBytesMax
        case TypeOID.numeric?:
            // Two bytes for four digits.
            return column.typeModifier < 0 || (length >> 16) > 24
        default: return true
        }
    }
}

extension Catalog.Table {
    /// The SQL that makes the stream carry whole old rows.
    var fullIdentitySQL: String { "ALTER TABLE \(name) REPLICA IDENTITY FULL;" }
}
