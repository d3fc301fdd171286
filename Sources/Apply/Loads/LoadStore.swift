// Part of Lockstep. See LICENSE.

public import Bolt
internal import Mapping
internal import PostgreSQL

/// The nodes `(:LockstepLoad {pipeline, id})`: what is to be loaded, and how far that is.
public enum LoadStore {
    static let label = "LockstepLoad"

    private static let properties = [
        "schema", "table", "condition", "reason", "pass", "heaps", "rows", "bytes", "blocks", "totalBlocks", "seconds",
        "until", "counted", "behind",
    ]

    /// Adds requests; what is there stays. Repeating it does no harm.
    public static func add(
        _ requests: [LoadRequest], pipeline: String, _ graph: BoltChannel
    ) throws(ApplyError) {
        let rows = requests.map { BoltValue.list(row(TableLoad($0), pipeline)) }
        do throws(BoltError) {
            _ = try graph.query(putText, ["rows": .list(rows)])
        } catch {
            throw ApplyError(graph: error)
        }
    }

    /// Everything that is to be loaded for a pipeline, or is being loaded, in the order of names.
    public static func read(pipeline: String, _ graph: BoltChannel) throws(ApplyError) -> [TableLoad] {
        let columns = ["id"] + properties
        let text =
            "MATCH (l:\(label) {pipeline: $pipeline}) RETURN "
            + columns.map { "l.\(Cypher.quoted($0))" }.joined(separator: ", ")
        do throws(BoltError) {
            let rows = try graph.query(text, ["pipeline": .string(pipeline)]).rows
            return rows.compactMap(TableLoad.init(row:)).sorted {
                ($0.request.table, $0.request.id) < ($1.request.table, $1.request.id)
            }
        } catch {
            throw ApplyError(graph: error)
        }
    }

    /// Removes requests: they are fulfilled, or nobody wants them any more.
    public static func delete(ids: [String], pipeline: String, _ graph: BoltChannel) throws(ApplyError) {
        let rows = ids.map { BoltValue.list(key($0, pipeline)) }
        do throws(BoltError) {
            _ = try graph.query(deleteText, ["rows": .list(rows)])
        } catch {
            throw ApplyError(graph: error)
        }
    }

    // MARK: Inside a batch

    /// Writes requests or their progress, in the graph transaction of the batch that it is part of.
    public static func put(_ loads: [TableLoad], pipeline: String) -> EncodedStatement {
        statement(putText, loads, pipeline) { row($0, pipeline) }
    }

    /// Removes requests, in the graph transaction of the batch that it is part of.
    public static func remove(_ loads: [TableLoad], pipeline: String) -> EncodedStatement {
        statement(deleteText, loads, pipeline) { key($0.request.id, pipeline) }
    }

    private static func statement(
        _ text: String, _ loads: [TableLoad], _ pipeline: String, _ row: (TableLoad) -> [BoltValue]
    ) -> EncodedStatement {
        let table = loads.first?.request.table ?? QualifiedName(schema: "", name: "")
        let statement = EncodedStatement(text: text, table: table)
        for load in loads {
            statement.rows.append(.list(row(load)))
            statement.rowCount += 1
        }
        return statement
    }

    // MARK: Rows

    private static let match = "(l:\(label) {pipeline: r[0], id: r[1]})"

    private static let putText: String = {
        let values = properties.enumerated().map { "l.\(Cypher.quoted($1)) = r[\($0 + 2)]" }
        return "UNWIND $rows AS r MERGE \(match) SET \(values.joined(separator: ", "))"
    }()

    private static let deleteText = "UNWIND $rows AS r MATCH \(match) DELETE l"

    // MARK: With a checkpoint

    /// For ``GraphWriter/write(_:and:expecting:)``: adds requests, or writes how far they are.
    public static func putting(
        _ loads: [TableLoad], pipeline: String
    ) -> (cypher: String, parameters: [String: BoltValue]) {
        (putText, ["rows": .list(loads.map { .list(row($0, pipeline)) })])
    }

    /// For ``GraphWriter/write(_:and:expecting:)``: removes requests that are fulfilled.
    public static func removing(
        _ loads: [TableLoad], pipeline: String
    ) -> (cypher: String, parameters: [String: BoltValue]) {
        (deleteText, ["rows": .list(loads.map { .list(key($0.request.id, pipeline)) })])
    }

    /// For ``GraphWriter/write(_:and:expecting:)``: forgets everything that was to be loaded.
    public static func clearing(pipeline: String) -> (cypher: String, parameters: [String: BoltValue]) {
        ("MATCH (l:\(label) {pipeline: $pipeline}) DELETE l", ["pipeline": .string(pipeline)])
    }

    private static func key(_ id: String, _ pipeline: String) -> [BoltValue] { [.string(pipeline), .string(id)] }

    static func row(_ load: TableLoad, _ pipeline: String) -> [BoltValue] {
        let request = load.request
        return key(request.id, pipeline) + [
            .string(request.table.schema), .string(request.table.name),
            request.condition.map { .string($0) } ?? .null, .string(request.reason.rawValue),
            load.pass.map { .string($0.rawValue) } ?? .null,
            .list(load.heaps.map { .string("\($0.oid):\($0.fileNode):\($0.done.text)") }), .integer(load.rows),
            .integer(load.bytes), .integer(load.blocks), .integer(load.totalBlocks), .float(load.seconds),
            .string(load.until.description), load.counted.map { .string($0) } ?? .null,
            request.behind.map { .string($0.description) } ?? .null,
        ]
    }
}

extension TableLoad {
    /// Reads a row of ``LoadStore/read(pipeline:_:)``.
    init?(row: [BoltValue]) {
        guard row.count == 15, let id = row[0].stringValue, let schema = row[1].stringValue,
            let name = row[2].stringValue, let reason = row[4].stringValue.flatMap(LoadRequest.Reason.init(rawValue:))
        else { return nil }
        var request = LoadRequest(
            QualifiedName(schema: schema, name: name), reason: reason, condition: row[3].stringValue)
        request.id = id
        request.behind = row[14].stringValue.flatMap { LSN($0) }
        self.init(request)
        pass = row[5].stringValue.flatMap(Pass.init(rawValue:))
        heaps = (row[6].listValue ?? []).compactMap { $0.stringValue.flatMap(Heap.init(text:)) }
        rows = row[7].integerValue ?? 0
        bytes = row[8].integerValue ?? 0
        blocks = row[9].integerValue ?? 0
        totalBlocks = row[10].integerValue ?? 0
        if case .float(let value) = row[11] { seconds = value }
        until = row[12].stringValue.flatMap { LSN($0) } ?? .zero
        counted = row[13].stringValue
    }
}

extension TableLoad.Heap {
    fileprivate init?(text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 3, let number = UInt32(parts[0]), let done = BlockSet(text: String(parts[2])) else {
            return nil
        }
        self.init(oid: OID(rawValue: number), fileNode: String(parts[1]), done: done)
    }
}
