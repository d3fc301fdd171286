// Part of Lockstep. See LICENSE.

import Foundation
import PostgreSQL
import TestServers
import TestSupport
import Testing

@testable import Mapping

/// docs/types.md, the conversions and PostgreSQL's own list of types say the same.
@Suite(.postgres(), .serialized) struct TypeTableTests {
    /// A row of the table: types, and their choices as the page writes them, `¹` behind those that need text.
    private struct Row {
        var types: [String]
        var choices: [String]
    }

    private static func rows() throws -> [Row] {
        let page = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "docs/types.md")
        return try String(contentsOf: page, encoding: .utf8).split(separator: "\n").compactMap { line in
            let cells = line.split(separator: "|", omittingEmptySubsequences: false)
            guard line.hasPrefix("| `"), cells.count == 5 else { return nil }
            let choices = cells[2].split(separator: ",").map { choice in
                let word = choice.trimmingCharacters(in: .whitespaces)
                return word.replacingOccurrences(of: "`", with: "")
            }
            return Row(types: code(cells[1]), choices: choices)
        }
    }

    private static func code(_ cell: Substring) -> [String] {
        cell.split(separator: "`", omittingEmptySubsequences: false).enumerated().filter { $0.offset % 2 == 1 }
            .map { String($0.element) }
    }

    private static func choices(_ type: OID, _ catalog: Catalog) -> [String] {
        ValueConversion.choices(for: type, in: catalog).map { $0.name + ($0.isBinaryExact ? "" : "¹") }
    }

    @Test func `the page names every built-in type of this server with its choices`() throws {
        let connection = try PostgresConnection(try PostgresConfiguration(PostgresServer.current.url()))
        defer { connection.close() }
        // Arrays follow their elements; rows of system tables and pseudo-types are no columns.
        let types = try connection.query(
            """
            SELECT oid, typname, format_type(oid, NULL), typtype FROM pg_type
            WHERE typnamespace = 'pg_catalog'::regnamespace AND typtype NOT IN ('c', 'p')
                AND NOT (typelem <> 0 AND typlen = -1 AND typname LIKE '\\_%') ORDER BY oid
            """)
        #expect(types.count > 70)
        let rows = try Self.rows()
        for type in types {
            let oid = OID(rawValue: try #require(UInt32(type[0]!)))
            let kind: Catalog.DataType.Kind = type[3] == "r" ? .range : type[3] == "m" ? .multirange : .base
            let catalog = typeCatalog([.init(oid: oid, schema: "pg_catalog", name: type[1]!, kind: kind)])
            let row = rows.first { $0.types.contains(type[2]!) || $0.types.contains(type[1]!) }
            #expect(row != nil, "docs/types.md does not name \(type[2]!)")
            #expect(row?.choices == Self.choices(oid, catalog), "\(type[2]!)")
        }
    }

    @Test(arguments: [
        "citext", "ltree", "lquery", "ltxtquery", "hstore", "geometry", "geography", "vector", "halfvec", "sparsevec",
    ])
    func `the page names the types of extensions with their choices`(name: String) throws {
        let catalog = typeCatalog([.init(oid: 20_000, schema: "public", name: name, kind: .base)])
        let row = try #require(try Self.rows().first { $0.types.contains(name) }, "docs/types.md does not name \(name)")
        #expect(row.choices == Self.choices(20_000, catalog))
    }
}
