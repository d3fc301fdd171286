// Part of Lockstep. See LICENSE.

public import Mapping
public import PostgreSQL

extension GraphMapping {
    /// Older versions of a relation are read as far as the mapping goes; a newer one asks for another mapping.
    ///
    /// - Throws: ``ApplyError`` of kind `newerRelation` where the catalog that the mapping was made for is too old.
    func checkAge(of relation: Relation, committedAt lsn: LSN) throws(ApplyError) {
        guard let known = catalogLSN else { return }
        let standing = standing(of: relation)
        if lsn > known {
            if case .expected = standing, carriesKey(relation) { return }
            throw ApplyError(
                .newerRelation, table: relation.name, lsn: lsn, "the table has changed while the pipeline runs")
        }
        if case .passed = standing, let behind = readBehind[table(of: relation)], lsn > behind {
            throw ApplyError(
                .schemaChanged, table: relation.name, lsn: lsn,
                "its replica identity did not carry the key for a while: which rows were changed then is not known. "
                    + "`lockstep run --resnapshot` makes the graph anew.")
        }
    }
}

extension TransactionSurvey {
    /// The same for all that the transaction changes.
    ///
    /// - Parameter relations: Those of the buffer that was looked at.
    public func checkAges(of relations: [Relation], committedAt lsn: LSN) throws(ApplyError) {
        for index in changedRelations { try mapping.checkAge(of: relations[index], committedAt: lsn) }
    }
}
