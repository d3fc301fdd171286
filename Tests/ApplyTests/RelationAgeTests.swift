// Part of Lockstep. See LICENSE.

import Mapping
import PostgreSQL
import Testing

@testable import Apply

struct `A version of a relation` {
    private static let table = QualifiedName(schema: "public", name: "people")

    /// By the key `code`, made from a catalog that was read at 0/50.
    private static func mapping(readBehind lsn: LSN? = nil) throws -> GraphMapping {
        let text = """
            version: 1
            pipeline: p
            source: {url: "postgresql://h/d"}
            graph: {url: "bolt://h"}
            tables:
              public.people: {label: Person, key: {code: code}, properties: {id: id}}
            """
        let file = try MappingFile.parse(Array(text.utf8), file: "m.yaml", environment: { _ in nil })
        let columns = [("id", OID(23)), ("code", OID(25))].enumerated().map { index, column in
            var made = Catalog.Column(name: column.0, type: column.1, formattedType: "", isNotNull: true)
            made.number = Int16(index + 1)
            return made
        }
        let types = [OID(23): "int4", OID(25): "text"].map { oid, name in
            (oid, Catalog.DataType(oid: oid, schema: "pg_catalog", name: name, kind: .base))
        }
        let catalog = Catalog(
            serverVersion: 150_000, database: "d",
            tables: [Catalog.Table(oid: 10, name: table, columns: columns, primaryKey: ["code"])],
            types: Dictionary(uniqueKeysWithValues: types))
        let evolution = SchemaEvolution(file, memory: [], catalog: catalog)
        var mapping = try evolution.file.resolve(against: catalog, evolution, memory: [], at: LSN(rawValue: 0x50))
        if let lsn { mapping.readBehind = [table: lsn] }
        return mapping
    }

    private static func relation(key: Set<String>, _ columns: [(String, OID)] = [("id", 23), ("code", 25)]) -> Relation
    {
        Relation(
            oid: 10, name: table, replicaIdentity: .default,
            columns: columns.map { Relation.Column(name: $0.0, type: $0.1, isKey: key.contains($0.0)) })
    }

    private func fault(_ relation: Relation, _ mapping: GraphMapping, at lsn: UInt64) -> ApplyError.Kind? {
        do throws(ApplyError) {
            try mapping.checkAge(of: relation, committedAt: LSN(rawValue: lsn))
            return nil
        } catch {
            return error.kind
        }
    }

    @Test func `that is newer than the catalog, with other columns or another key, asks for that anew`() throws {
        let mapping = try Self.mapping()
        let current = Self.relation(key: ["code"])
        let others = [
            Self.relation(key: ["id"]), Self.relation(key: ["code"], [("id", 23), ("code", 25), ("new", 25)]),
        ]
        #expect(fault(current, mapping, at: 0x60) == nil && fault(current, mapping, at: 0x40) == nil)
        for relation in others {
            #expect(fault(relation, mapping, at: 0x60) == .newerRelation)
            #expect(fault(relation, mapping, at: 0x50) == nil)
        }
        // Also before a transaction is applied in parts, where it is changed in that.
        let buffer = ChangeBuffer()
        buffer.relations = [current, others[1]]
        buffer.changes = [Change(kind: .truncate, relation: 0)]
        for (changed, expected) in [(0, nil), (1, .newerRelation)] as [(UInt32, ApplyError.Kind?)] {
            buffer.changes[0].relation = changed
            var survey = TransactionSurvey(mapping: mapping)
            survey.look(at: buffer, 0..<1)
            var found: ApplyError.Kind?
            do throws(ApplyError) {
                try survey.checkAges(of: buffer.relations, committedAt: LSN(rawValue: 0x60))
            } catch {
                found = error.kind
            }
            #expect(found == expected)
        }
    }

    @Test func `that names old rows by another key is passed over where the table is read behind it`() throws {
        let old = Self.relation(key: ["id"])
        let mapping = try Self.mapping(readBehind: LSN(rawValue: 0x30))
        #expect(fault(old, mapping, at: 0x30) == nil && fault(old, mapping, at: 0x31) == .schemaChanged)
        #expect(try TableProgram.make(for: old, mapping: mapping) == nil)
        #expect(try TableProgram.make(for: old, mapping: Self.mapping()) != nil)
        #expect(try TableProgram.make(for: Self.relation(key: ["code"]), mapping: mapping) != nil)
    }
}
