// Part of Lockstep. See LICENSE.

public import PostgreSQL

/// Something that has happened to a mapped table since the mapping was last held against the database, and what that means.
public struct SchemaChange: Sendable, Equatable {
    public var kind: SchemaChangeKind
    public var policy: SchemaChangePolicy
    /// As the mapping file calls it.
    public var table: QualifiedName
    /// For instance `column note is called remark now`.
    public var what: String
    /// What the graph does about it.
    public var action: String
    /// What is to be edited in the mapping file, or done otherwise.
    public var advice: String?
    /// Rows that are in the graph have to be read again before it is right.
    public var needsReading = false
    /// Statements that delete some of what goes and return how many, to be repeated until that is none.
    public var sweeps: [String] = []

    /// The same for the same change, whenever it is seen.
    public var id: String { "\(kind.rawValue) \(table): \(what)" }

    public var description: String { "\(table): \(what): \(action)" + (advice.map { "; \($0)" } ?? "") }
}
