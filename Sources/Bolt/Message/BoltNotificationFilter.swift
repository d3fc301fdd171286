// Part of Lockstep. See LICENSE.

/// Which notifications a server is to send with results; from Bolt 5.2. They cost bytes in each answer.
public struct BoltNotificationFilter: Sendable, Hashable {
    public enum Severity: String, Sendable, Hashable {
        case off = "OFF"
        case warning = "WARNING"
        case information = "INFORMATION"
    }

    /// The least severity that is sent; nil for the server's own choice.
    public var minimumSeverity: Severity?
    /// Categories, called classifications from Bolt 5.6, that are not sent, such as `HINT` or `DEPRECATION`; nil for the
    /// server's own choice.
    public var disabledCategories: [String]?

    public init(minimumSeverity: Severity? = nil, disabledCategories: [String]? = nil) {
        self.minimumSeverity = minimumSeverity
        self.disabledCategories = disabledCategories
    }

    /// The server's own choice.
    public static let serverDefault = BoltNotificationFilter()
    public static let off = BoltNotificationFilter(minimumSeverity: .off)
    /// Warnings only.
    public static let warning = BoltNotificationFilter(minimumSeverity: .warning)
    public static let information = BoltNotificationFilter(minimumSeverity: .information)

    /// The entries as they go over the wire.
    func entries(_ version: BoltVersion) -> [(key: String, value: BoltValue)] {
        guard version.hasNotificationFilter else { return [] }
        var entries: [(String, BoltValue)] = []
        if let minimumSeverity {
            entries.append(("notifications_minimum_severity", .string(minimumSeverity.rawValue)))
        }
        if let disabledCategories {
            let key = version.namesClassifications ? "classifications" : "categories"
            entries.append(("notifications_disabled_\(key)", .list(disabledCategories.map { .string($0) })))
        }
        return entries
    }
}
