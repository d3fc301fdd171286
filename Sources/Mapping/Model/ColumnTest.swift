// Part of Lockstep. See LICENSE.

internal import Bolt
internal import PostgreSQL

/// A question to one column of a row: whether it has a value, or one of some. Answered from a tuple, and by PostgreSQL.
public struct ColumnTest: Sendable, Hashable {
    public var column: String
    /// How the column's values are read, to compare them.
    public var conversion: ValueConversion
    /// The values that pass, as the type's output function prints them; none where all but NULL do.
    public var values: [String]
    /// `format_type` of the column.
    public var columnType: String

    public init(column: String, conversion: ValueConversion, values: [String] = [], columnType: String) {
        self.column = column
        self.conversion = conversion
        self.values = values
        self.columnType = columnType
    }

    /// A value of at most so many bytes is never stored out of line: a column that came as unchanged TOAST has another.
    static let valueBytesMax = 20

    /// The values as PackStream, as ``conversion`` makes them of a tuple's.
    ///
    /// - Throws: ``ValueError`` for what is no value of the column's type.
    public func encodedValues() throws(ValueError) -> [[UInt8]] {
        var encoded: [[UInt8]] = []
        for value in values {
            var out = PackStreamBuffer()
            let bytes = Array(value.utf8)
            try unsafe conversion.encode(bytes.span.bytes, isBinary: false, into: &out)
            encoded.append([UInt8](copying: out.bytes))
        }
        return encoded
    }

    /// The condition in SQL, with the column's bare name: true, false, or NULL, which is no.
    public var sql: String {
        let name = QualifiedName.quoted(column)
        guard !values.isEmpty else { return "\(name) IS NOT NULL" }
        let list = values.map(QualifiedName.literal).joined(separator: ", ")
        // By bytes, as it is compared here, whatever the collation and the type's own idea of equality.
        return conversion.target == .string ? "\(name)::text COLLATE \"C\" IN (\(list))" : "\(name) IN (\(list))"
    }

    /// The condition in Cypher, on an expression that has the column's value as ``conversion`` makes it.
    func cypher(_ value: String) -> String {
        guard !values.isEmpty else { return "\(value) IS NOT NULL" }
        return "\(value) IN [\(values.map { literal($0).cypher }.joined(separator: ", "))]"
    }

    private func literal(_ value: String) -> SchemaItem.Value {
        switch conversion.target {
        case .boolean: .boolean(value.hasPrefix("t"))
        case .integer: Int64(value).map(SchemaItem.Value.integer) ?? .string(value)
        default: .string(value)
        }
    }

    /// The column for what reads a table.
    public var source: PropertyMapping {
        PropertyMapping(column: column, property: "", conversion: conversion, columnType: columnType)
    }
}

/// A label that a node has while its row passes a test.
public struct ConditionalLabel: Sendable, Hashable {
    public var label: String
    public var test: ColumnTest

    public init(label: String, test: ColumnTest) {
        self.label = label
        self.test = test
    }
}
