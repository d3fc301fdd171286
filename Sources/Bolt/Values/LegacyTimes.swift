// Part of Lockstep. See LICENSE.

// A server of 4.x that did not accept the `utc` patch counts a date-time's seconds as its clock shows them.

extension BoltValue {
    /// The value with each date-time in the form such a server takes.
    ///
    /// A date-time with a named zone is left alone: its local time needs a zone database, and the server refuses it.
    var withLegacyTimes: BoltValue {
        switch self {
        case .dateTime(let seconds, let nanoseconds, let offset):
            .structure(
                tag: StructureTag.legacyDateTime,
                fields: [
                    .integer(seconds &+ Int64(offset)), .integer(Int64(nanoseconds)), .integer(Int64(offset)),
                ])
        case .list(let values): .list(values.map(\.withLegacyTimes))
        case .map(let values): .map(values.mapValues(\.withLegacyTimes))
        default: self
        }
    }
}

extension TransactionExtra {
    func with(legacyTimes: Bool) -> TransactionExtra {
        guard legacyTimes else { return self }
        var extra = self
        extra.metadata = metadata.mapValues(\.withLegacyTimes)
        return extra
    }
}
