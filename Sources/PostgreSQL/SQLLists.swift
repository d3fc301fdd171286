// Part of Lockstep. See LICENSE.

extension [String] {
    /// Identifiers, quoted, with commas between them.
    public var sqlList: String { map(QualifiedName.quoted).joined(separator: ", ") }

    /// All of these conditions as one; nil where there are none.
    public var sqlConjunction: String? { isEmpty ? nil : map { "(\($0))" }.joined(separator: " AND ") }
}
