// Part of Lockstep. See LICENSE.

public import PostgreSQL

extension RowUse {
    /// How many are concerned, at most `limit` by each record, to be added up. Row: key…, other key….
    public func countQuery(limit: Int) -> String {
        func counted(_ match: String) -> String {
            "UNWIND $rows AS r MATCH \(match) WITH a WHERE a IS NOT NULL WITH a LIMIT \(limit) RETURN count(a) AS found"
        }
        let matches =
            switch self {
            case .lookup(let holder, let lookup): [holder.naming(lookup)]
            case .reference(let holder, let reference, let target):
                [target.naming(reference, of: holder, behindKey: otherKey)]
                    // Those who name it by its key are those who have the relationship.
                    + (otherKey.isEmpty ? [] : [target.linked(reference, to: holder)])
            case .end(let join, let side, _): [join.awaiting(side, "a"), join.linked(side)]
            }
        return matches.map(counted).joined(separator: " UNION ALL ")
    }

    /// The nodes that name these rows by now, as rows for ``pageStatement``, however many there are; nil where that is not
    /// written for each of them. Row: key…, other key….
    public var pagesQuery: String? {
        switch self {
        case .lookup(let holder, let lookup): holder.holdersQuery(lookup)
        case .reference(let holder, let reference, let target): target.adoptedQuery(reference, of: holder)
        case .end: nil
        }
    }

    /// Writes for some nodes what they have of the rows that they name.
    public var pageStatement: String? {
        switch self {
        case .lookup(let holder, let lookup): holder.lookUpStatement(lookup)
        case .reference(let holder, let reference, _): holder.referenceStatement(reference: reference)
        case .end: nil
        }
    }

    /// What the statements are of.
    public var holder: QualifiedName {
        switch self {
        case .lookup(let holder, _), .reference(let holder, _, _): holder.table
        case .end(let join, _, _): join.table
        }
    }
}
