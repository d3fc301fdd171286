// Part of Lockstep. See LICENSE.

/// The name of a table with its schema, unquoted; or, with an empty schema, that of something that is in none.
public struct QualifiedName: Hashable, Comparable, Sendable, CustomStringConvertible {
    public var schema: String
    public var name: String

    public init(schema: String, name: String) {
        self.schema = schema
        self.name = name
    }

    /// As people write it: `public.orders`, with quotes only where SQL needs them.
    public var description: String {
        (schema.isEmpty ? "" : Self.quotedWhereNeeded(schema) + ".") + Self.quotedWhereNeeded(name)
    }

    /// As SQL takes it in any case: `"public"."orders"`.
    public var sql: String { (schema.isEmpty ? "" : Self.quoted(schema) + ".") + Self.quoted(name) }

    public static func < (a: Self, b: Self) -> Bool { (a.schema, a.name) < (b.schema, b.name) }

    /// An identifier in double quotes, its own doubled.
    public static func quoted(_ identifier: String) -> String {
        "\"" + identifier.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }

    /// A string literal in single quotes, its own doubled; right while `standard_conforming_strings` is on.
    public static func literal(_ text: String) -> String {
        "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
    }

    private static func quotedWhereNeeded(_ identifier: String) -> String {
        let plain = identifier.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || $0 == 95 }
        let startsWell = identifier.utf8.first.map { !(48...57).contains($0) } ?? false
        return plain && startsWell ? identifier : quoted(identifier)
    }
}
