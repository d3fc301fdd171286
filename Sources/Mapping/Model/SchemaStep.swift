// Part of Lockstep. See LICENSE.

/// What one index or constraint of the mapping file's `schema` means for a graph as it is, or one that the file names no
/// more.
public struct SchemaStep: Sendable, Hashable {
    public enum Action: String, Sendable, Hashable {
        /// It is there, whoever made it.
        case keep
        case create
        /// Dropped and made anew: the graph's indexes do not change.
        case change
        /// Lockstep made it, and the file names it no more.
        case drop
        /// It cannot be made; ``SchemaStep/reason`` says why.
        case refuse
    }

    public var action: Action
    public var name: String
    public var isIndex: Bool
    /// For people: `text index on (:Product) {name}`.
    public var what: String
    /// What the file asks for; nil where it names it no more.
    public var item: SchemaItem?
    /// Why it is changed or cannot be made.
    public var reason: String?
    /// What to do about it.
    public var fix: String?
    /// The graph server does not have its kind, which is no fault of the file.
    public var isLacking = false

    public init(
        _ action: Action, name: String, isIndex: Bool, what: String, item: SchemaItem? = nil, reason: String? = nil,
        fix: String? = nil, isLacking: Bool = false
    ) {
        self.action = action
        self.name = name
        self.isIndex = isIndex
        self.what = what
        self.item = item
        self.reason = reason
        self.fix = fix
        self.isLacking = isLacking
    }

    public init(
        _ action: Action, _ item: SchemaItem, reason: String? = nil, fix: String? = nil, isLacking: Bool = false
    ) {
        self.init(
            action, name: item.name, isIndex: item.kind.isIndex, what: item.description, item: item, reason: reason,
            fix: fix, isLacking: isLacking)
    }

    /// The statements that carry it out, in their order.
    public var statements: [String] {
        let drop = SchemaItem.dropStatement(name, isIndex: isIndex)
        switch action {
        case .keep, .refuse: return []
        case .create: return item.map { [$0.statement] } ?? []
        case .change: return [drop] + (item.map { [$0.statement] } ?? [])
        case .drop: return [drop]
        }
    }
}
