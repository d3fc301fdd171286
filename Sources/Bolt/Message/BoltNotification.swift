// Part of Lockstep. See LICENSE.

/// A place in the text of a query.
public struct BoltInputPosition: Sendable, Hashable {
    /// Counted from 0, in characters.
    public let offset: Int64
    /// Counted from 1.
    public let line: Int64
    /// Counted from 1.
    public let column: Int64

    /// - Returns: Nil where the server gave none, or none that can be read.
    init?(_ value: BoltValue?) {
        guard let offset = value?["offset"]?.integerValue, let line = value?["line"]?.integerValue,
            let column = value?["column"]?.integerValue
        else { return nil }
        self.offset = offset
        self.line = line
        self.column = column
    }
}

/// A hint about a query, such as that it will be slow, or uses what is going away.
public struct BoltNotification: Sendable, Hashable {
    public enum Severity: String, Sendable, Hashable {
        case warning = "WARNING"
        case information = "INFORMATION"
        /// None, or one that is not known here.
        case unknown = "UNKNOWN"

        init(_ raw: String?) { self = raw.flatMap { Self(rawValue: $0) } ?? .unknown }
    }

    /// What it is about; called category before Bolt 5.6.
    public enum Classification: String, Sendable, Hashable {
        case hint = "HINT"
        case unrecognized = "UNRECOGNIZED"
        case unsupported = "UNSUPPORTED"
        case performance = "PERFORMANCE"
        case deprecation = "DEPRECATION"
        case generic = "GENERIC"
        case security = "SECURITY"
        case topology = "TOPOLOGY"
        case schema = "SCHEMA"
        /// None, or one that is not known here.
        case unknown = "UNKNOWN"

        init(_ raw: String?) { self = raw.flatMap { Self(rawValue: $0) } ?? .unknown }
    }

    /// `Neo.ClientNotification.<category>.<title>`.
    public let code: String
    public let title: String
    /// For people.
    public let description: String
    /// As the server wrote it; empty where it wrote none.
    public let rawSeverity: String
    /// Likewise.
    public let rawClassification: String
    public let position: BoltInputPosition?

    public var severity: Severity { Severity(rawSeverity) }
    public var classification: Classification { Classification(rawClassification) }

    /// As servers sent it until Bolt 5.4.
    init(_ value: BoltValue) {
        code = value["code"]?.stringValue ?? ""
        title = value["title"]?.stringValue ?? ""
        description = value["description"]?.stringValue ?? ""
        rawSeverity = value["severity"]?.stringValue ?? ""
        rawClassification = value["category"]?.stringValue ?? ""
        position = BoltInputPosition(value["position"])
    }

    /// - Returns: Nil where the status is none.
    init?(status value: BoltValue) {
        guard let code = value["neo4j_code"]?.stringValue else { return nil }
        let status = BoltStatus(value)
        self.code = code
        title = value["title"]?.stringValue ?? ""
        description = value["description"]?.stringValue ?? ""
        rawSeverity = status.rawSeverity ?? ""
        rawClassification = status.rawClassification ?? ""
        position = status.position
    }
}
