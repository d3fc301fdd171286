// Part of Lockstep. See LICENSE.

/// What a server says about how a query went: that it succeeded, that there was no data, or a hint.
///
/// Servers send these from Bolt 5.6; for older ones they are made of what those say.
public struct BoltStatus: Sendable, Hashable {
    /// The GQLSTATUS, five characters: `00` success, `01` warning, `02` no data, `03` information.
    public let gqlStatus: String
    /// For people.
    public let description: String
    /// One of those that ``BoltNotificationFilter`` can turn off, and that have a severity, a classification and a
    /// position.
    public let isNotification: Bool
    /// `OPERATION`, `OPERATION_CODE`, `CURRENT_SCHEMA`, and what the server adds, under keys that begin with `_`.
    public let diagnosticRecord: [String: BoltValue]

    public var rawSeverity: String? { diagnosticRecord["_severity"]?.stringValue }
    public var severity: BoltNotification.Severity { .init(rawSeverity) }
    public var rawClassification: String? { diagnosticRecord["_classification"]?.stringValue }
    public var classification: BoltNotification.Classification { .init(rawClassification) }
    public var position: BoltInputPosition? { BoltInputPosition(diagnosticRecord["_position"]) }

    private init(
        _ gqlStatus: String, _ description: String, isNotification: Bool = false, record: [String: BoltValue] = [:]
    ) {
        self.gqlStatus = gqlStatus
        self.description = description
        self.isNotification = isNotification
        diagnosticRecord = Self.diagnosticRecord(.map(record))
    }

    /// As the server sent it.
    init(_ value: BoltValue) {
        gqlStatus = value["gql_status"]?.stringValue ?? ""
        description = value["status_description"]?.stringValue ?? ""
        isNotification = value["neo4j_code"]?.stringValue?.isEmpty == false
        diagnosticRecord = Self.diagnosticRecord(value["diagnostic_record"])
    }

    /// What a notification is among the statuses.
    init(notification: BoltValue) {
        let isWarning = notification["severity"] == "WARNING"
        var description = notification["description"]?.stringValue ?? ""
        if description.isEmpty { description = isWarning ? "warn: unknown warning" : "info: unknown notification" }
        var record: [String: BoltValue] = [:]
        record["_severity"] = notification["severity"]
        record["_classification"] = notification["category"]
        record["_position"] = notification["position"]
        self.init(isWarning ? "01N42" : "03N42", description, isNotification: true, record: record)
    }

    static let success = BoltStatus("00000", "note: successful completion")
    /// The query returns nothing.
    static let omittedResult = BoltStatus("00001", "note: successful completion - omitted result")
    static let noData = BoltStatus("02000", "note: no data")

    /// In GQL's order: no data before warnings before success before information.
    var precedence: Int { ["02", "01", "00", "03"].firstIndex(of: String(gqlStatus.prefix(2))) ?? 4 }

    /// A diagnostic record as the server means it: what it leaves out has a default.
    static func diagnosticRecord(_ given: BoltValue?) -> [String: BoltValue] {
        let defaults: [String: BoltValue] = ["OPERATION": "", "OPERATION_CODE": "0", "CURRENT_SCHEMA": "/"]
        return defaults.merging(given?.mapValue ?? [:]) { _, given in given }
    }
}
