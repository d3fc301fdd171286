// Part of Lockstep. See LICENSE.

internal import Apply
internal import Bolt
internal import Mapping
internal import PostgreSQL

/// What a pipeline remembers of its tables, in the graph: a node `(:LockstepTable)` for each table of the mapping file.
enum SchemaMemory {
    private static let columns = [
        "oid", "schema", "name", "dropped", "entry", "key", "foreignKeys", "numbers", "names", "fileNames", "types",
        "gone", "adopted",
    ]

    private static let readText =
        "MATCH (t:LockstepTable {pipeline: $pipeline}) RETURN t.fileSchema, t.fileName, "
        + columns.map { "t.\(Cypher.quoted($0))" }.joined(separator: ", ")

    /// What is no more in the file is forgotten.
    private static let writeText =
        "UNWIND $rows AS r MERGE (t:LockstepTable {pipeline: r[0], fileSchema: r[1], fileName: r[2]}) SET "
        + columns.enumerated().map { "t.\(Cypher.quoted($1)) = r[\($0 + 3)]" }.joined(separator: ", ")

    private static let forgetText =
        "MATCH (t:LockstepTable {pipeline: $pipeline}) WHERE NOT t.fileSchema + '.' + t.fileName IN $names DELETE t"

    static func read(_ graph: BoltChannel, pipeline: String) throws(PipelineError) -> [TableMemory] {
        do throws(BoltError) {
            return try graph.query(readText, ["pipeline": .string(pipeline)]).rows
                .compactMap { TableMemory(row: $0) }.sorted { $0.fileName < $1.fileName }
        } catch {
            throw PipelineError(error)
        }
    }

    /// Statements that write it.
    static func writing(
        _ tables: [TableMemory], pipeline: String
    ) -> [(cypher: String, parameters: [String: BoltValue])] {
        let names = tables.map { BoltValue.string($0.fileName.schema + "." + $0.fileName.name) }
        return [
            (forgetText, ["pipeline": .string(pipeline), "names": .list(names)]),
            (writeText, ["rows": .list(tables.map { .list($0.row(pipeline)) })]),
        ]
    }
}

extension TableMemory {
    fileprivate func row(_ pipeline: String) -> [BoltValue] {
        func list(_ value: (Column) -> BoltValue) -> BoltValue { .list(columns.map(value)) }
        return [
            .string(pipeline), .string(fileName.schema), .string(fileName.name), .integer(Int64(oid.rawValue)),
            .string(name.schema), .string(name.name), .boolean(isDropped),
            adopted.map { .string($0) } ?? .null, .list(key.map { .integer(Int64($0)) }),
            .list(foreignKeys.map { .string($0.text) }),
            list { .integer(Int64($0.number)) }, list { .string($0.name) }, list { .string($0.fileName) },
            list { .integer(Int64($0.type.rawValue)) }, list { .boolean($0.isDropped) },
            list { .string($0.adopted ?? "") },
        ]
    }

    fileprivate init?(row: [BoltValue]) {
        guard row.count == 15, let fileSchema = row[0].stringValue, let fileName = row[1].stringValue,
            let oid = row[2].integerValue.flatMap({ UInt32(exactly: $0) }), let schema = row[3].stringValue,
            let name = row[4].stringValue, let isDropped = row[5].boolValue
        else { return nil }
        let lists = row[9...].map { $0.listValue ?? [] }
        guard let count = lists.first?.count, lists.allSatisfy({ $0.count == count }) else { return nil }
        var columns: [Column] = []
        for index in 0..<count {
            guard let number = lists[0][index].integerValue.flatMap({ Int16(exactly: $0) }),
                let name = lists[1][index].stringValue, let inFile = lists[2][index].stringValue,
                let type = lists[3][index].integerValue.flatMap({ UInt32(exactly: $0) }),
                let isGone = lists[4][index].boolValue, let adopted = lists[5][index].stringValue
            else { return nil }
            columns.append(
                Column(
                    number: number, name: name, fileName: inFile, type: OID(rawValue: type), isDropped: isGone,
                    adopted: adopted.isEmpty ? nil : adopted))
        }
        self.init(
            fileName: QualifiedName(schema: fileSchema, name: fileName), oid: OID(rawValue: oid),
            name: QualifiedName(schema: schema, name: name), columns: columns, isDropped: isDropped)
        adopted = row[6].stringValue
        key = (row[7].listValue ?? []).compactMap { $0.integerValue.flatMap { Int16(exactly: $0) } }
        foreignKeys = (row[8].listValue ?? []).compactMap { $0.stringValue.flatMap(ForeignKey.init(text:)) }
    }
}

extension TableMemory.ForeignKey {
    /// Columns, table, the columns there, and whether it is gone.
    fileprivate var text: String {
        func list(_ numbers: [Int16]) -> String { numbers.map(String.init).joined(separator: ",") }
        return "\(list(columns)) \(table) \(list(referenced))" + (isDropped ? " gone" : "")
    }

    fileprivate init?(text: String) {
        func numbers(_ text: Substring) -> [Int16] { text.split(separator: ",").compactMap { Int16($0) } }
        let words = text.split(separator: " ")
        guard words.count == 3 || words.count == 4, let table = UInt32(words[1]) else { return nil }
        self.init(
            columns: numbers(words[0]), table: OID(rawValue: table), referenced: numbers(words[2]),
            isDropped: words.count == 4)
    }
}
