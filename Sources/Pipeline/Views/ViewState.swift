// Part of Lockstep. See LICENSE.

internal import Apply
internal import Bolt
internal import Mapping
public import PostgreSQL

/// What the graph has of a view or a query: a node `(:LockstepView)`, written in the graph transactions that bring its rows.
public struct ViewState: Sendable, Equatable {
    public var table: QualifiedName
    /// The type of its relationships and the labels at both ends.
    var names: [String]
    /// Other ones when something else is made of the view, and when it was defined anew.
    var fingerprint: String
    var version: String
    /// Something that it is made of has changed since it was read.
    public var isPending = true
    /// Where the WAL stood when it was read last; nil before that.
    public var lsn: LSN?
    /// By the graph server's clock, ISO 8601.
    public var readAt: String?
    public var seconds: Double = 0
    public var rows: Int64 = 0
    /// Why the last reading failed.
    public var failure: String?

    /// One that was never read.
    init(
        unread table: QualifiedName, names: [String] = ["", "", ""], fingerprint: String = "", version: String = ""
    ) {
        self.table = table
        (self.names, self.fingerprint, self.version) = (names, fingerprint, version)
    }

    init(_ computed: ComputedMapping, _ plan: Plan) {
        let content = plan.content(of: computed.table)
        self.init(
            unread: computed.table, names: content?.names ?? [], fingerprint: content?.fingerprint ?? "",
            version: plan.catalog.view(computed.table)?.definition ?? "")
    }

    /// Of the same view, of which the same is made.
    func isOf(_ other: ViewState) -> Bool {
        table == other.table && names == other.names && fingerprint == other.fingerprint
    }

    /// Of everything that it has made.
    var sweeps: [Sweep] {
        TableContent(names: names, parts: []).sweeps.map { Sweep(text: $0, table: table) }
    }
}

// In the graph.
extension ViewState {
    private static let node = "(v:LockstepView {pipeline: r[0], schema: r[1], name: r[2]})"

    private static let readText =
        "MATCH (v:LockstepView {pipeline: $pipeline}) RETURN v.schema, v.name, v.type, v.from, v.to, v.fingerprint, "
        + "v.version, v.pending, v.lsn, v.readAt, v.seconds, v.rows, v.failure"

    private static let writeText =
        "UNWIND $rows AS r MERGE \(node) SET v.type = r[3], v.from = r[4], v.to = r[5], v.fingerprint = r[6], "
        + "v.version = r[7], v.pending = r[8], v.lsn = r[9], v.seconds = r[10], v.rows = r[11], v.failure = r[12]"

    private static let readingText = writeText + ", v.readAt = toString(datetime())"

    private static let pendingText = "UNWIND $rows AS r MATCH \(node) SET v.pending = true"

    static func read(_ graph: BoltChannel, pipeline: String) throws(PipelineError) -> [ViewState] {
        do throws(BoltError) {
            return try graph.query(readText, ["pipeline": .string(pipeline)]).rows
                .compactMap { ViewState(row: $0) }.sorted { $0.table < $1.table }
        } catch {
            throw PipelineError(error)
        }
    }

    // MARK: Inside a batch

    /// Of a reading that has come to its end: its last rows are in the batch.
    func reading(_ pipeline: String) -> EncodedStatement {
        EncodedStatement(text: Self.readingText, table: table, rows: [row(pipeline)])
    }

    /// Of one that has come to nothing.
    func failing(_ pipeline: String) -> EncodedStatement {
        EncodedStatement(text: Self.writeText, table: table, rows: [row(pipeline)])
    }

    /// Of a change that it has not read yet, and that the batch brings.
    func pending(_ pipeline: String) -> EncodedStatement {
        EncodedStatement(text: Self.pendingText, table: table, rows: [key(pipeline)])
    }

    // MARK: With a checkpoint

    /// For ``GraphWriter/write(_:and:expecting:)``: forgets all of them.
    static func clearing(pipeline: String) -> (cypher: String, parameters: [String: BoltValue]) {
        ("MATCH (v:LockstepView {pipeline: $pipeline}) DELETE v", ["pipeline": .string(pipeline)])
    }

    /// Forgets one.
    func removing(pipeline: String) -> (cypher: String, parameters: [String: BoltValue]) {
        ("UNWIND $rows AS r MATCH \(Self.node) DELETE v", ["rows": .list([.list(key(pipeline))])])
    }

    /// Writes one as it is.
    func writing(pipeline: String) -> (cypher: String, parameters: [String: BoltValue]) {
        (Self.writeText, ["rows": .list([.list(row(pipeline))])])
    }

    // MARK: Rows

    private func row(_ pipeline: String) -> [BoltValue] {
        key(pipeline) + names.map { .string($0) }
            + [
                .string(fingerprint), .string(version), .boolean(isPending),
                lsn.map { .string($0.description) } ?? .null, .float(seconds), .integer(rows),
                failure.map { .string($0) } ?? .null,
            ]
    }

    private func key(_ pipeline: String) -> [BoltValue] {
        [.string(pipeline), .string(table.schema), .string(table.name)]
    }

    private init?(row: [BoltValue]) {
        guard row.count == 13, let schema = row[0].stringValue, let name = row[1].stringValue else { return nil }
        table = QualifiedName(schema: schema, name: name)
        names = (2...4).map { row[$0].stringValue ?? "" }
        fingerprint = row[5].stringValue ?? ""
        version = row[6].stringValue ?? ""
        isPending = row[7].boolValue ?? true
        lsn = row[8].stringValue.flatMap { LSN($0) }
        readAt = row[9].stringValue
        if case .float(let value) = row[10] { seconds = value }
        rows = row[11].integerValue ?? 0
        failure = row[12].stringValue
    }
}
