// Part of Lockstep. See LICENSE.

internal import Mapping

extension GraphMapping {
    /// Every mapped value goes over exactly from PostgreSQL's binary form, so the stream can be binary. One column that
    /// does not turns the whole stream to text: the protocol knows no choice by column.
    var isBinaryExact: Bool {
        let exact: ([PropertyMapping]) -> Bool = { $0.allSatisfy(\.conversion.isBinaryExact) }
        return nodes.allSatisfy {
            // A digest is of the row's text.
            $0.distinct == nil && exact($0.key) && exact($0.properties)
                && $0.references.allSatisfy { exact($0.target.key) }
        }
            && joins.allSatisfy { exact($0.key) && exact($0.properties) }
    }
}
