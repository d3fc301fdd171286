// Part of Lockstep. See LICENSE.

internal import PostgreSQL

/// A property that is put together of columns, as texts, and of words between them.
public struct DerivedProperty: Sendable {
    public enum Part: Sendable {
        case words(String)
        /// The column's text; `otherwise` where it is NULL, which without one makes the property absent.
        case column(PropertyMapping, otherwise: String?)
    }

    public var property: String
    public var parts: [Part]

    public init(property: String, parts: [Part]) {
        self.property = property
        self.parts = parts
    }

    /// The columns that it is made of.
    public var columns: [PropertyMapping] {
        parts.compactMap { if case .column(let column, _) = $0 { column } else { nil } }
    }

    /// For what names properties only: the statements.
    var written: PropertyMapping {
        PropertyMapping(
            column: columns.first?.column ?? "", property: property,
            conversion: ValueConversion(source: .text, target: .string), columnType: "text")
    }

    /// The value in SQL, of the table `t`.
    public var sql: String {
        parts.map { part in
            switch part {
            case .words(let words): return QualifiedName.literal(words)
            case .column(let column, let otherwise):
                let value = column.printedValues(of: column.column)[0]
                let text = "(\(value.expression ?? "t.\(QualifiedName.quoted(column.column))"))::text"
                return otherwise.map { "coalesce(\(text), \(QualifiedName.literal($0)))" } ?? text
            }
        }.joined(separator: " || ")
    }
}

/// A property that has the same value on everything that a table makes.
public struct ConstantProperty: Sendable, Hashable {
    public var property: String
    public var value: SchemaItem.Value

    public init(property: String, value: SchemaItem.Value) {
        self.property = property
        self.value = value
    }

    /// The graph's type.
    public var type: String {
        switch value {
        case .string: "string"
        case .integer: "integer"
        case .float: "float"
        case .boolean: "boolean"
        }
    }

    /// The value in SQL.
    public var sql: String {
        switch value {
        case .string(let text): QualifiedName.literal(text)
        case .integer(let number): String(number)
        case .float(let number): "'\(number)'::double precision"
        case .boolean(let flag): flag ? "true" : "false"
        }
    }
}

/// What a table's nodes or relationships have beside one property for each column.
public struct ExtraProperties: Sendable {
    public var constants: [ConstantProperty] = []
    public var derived: [DerivedProperty] = []

    public init() {}

    var names: [String] { constants.map(\.property) + derived.map(\.property) }
}
