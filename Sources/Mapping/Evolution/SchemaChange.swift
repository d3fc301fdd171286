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
    /// What it happened to. Where something else is made of that now, or nothing, no edit of the file is the cause.
    public var sources: Set<TableContent.Part.Source> = []

    public init(
        kind: SchemaChangeKind, policy: SchemaChangePolicy, table: QualifiedName, what: String, action: String,
        advice: String? = nil, needsReading: Bool = false
    ) {
        self.kind = kind
        self.policy = policy
        self.table = table
        self.what = what
        self.action = action
        self.advice = advice
        self.needsReading = needsReading
    }

    /// The same for the same change, whenever it is seen.
    public var id: String { "\(kind.rawValue) \(table): \(what)" }

    public var description: String { "\(table): \(what): \(action)" + (advice.map { "; \($0)" } ?? "") }
}
