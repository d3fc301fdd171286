// Part of Lockstep. See LICENSE.

internal import Mapping

extension GraphMapping {
    /// Every mapped value goes over exactly from PostgreSQL's binary form, so the stream can be binary. One column that
    /// does not turns the whole stream to text: the protocol knows no choice by column.
    var isBinaryExact: Bool {
        // A digest is of the row's text.
        nodes.allSatisfy { $0.distinct == nil }
            && columns.values.allSatisfy { $0.allSatisfy(\.conversion.isBinaryExact) }
    }
}
