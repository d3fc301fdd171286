// Part of Lockstep. See LICENSE.

import Capture
import Foundation
import Mapping
import PostgreSQL
import Testing

/// A pgoutput message as PostgreSQL gave it, with what it said beside the bytes.
struct RecordedMessage {
    var lsn: LSN
    var xid: UInt32
    var bytes: [UInt8]

    var type: Character { Character(UnicodeScalar(bytes[0])) }
}

/// What `scripts/record-fixtures` wrote for one PostgreSQL version.
struct Recording: CustomTestStringConvertible {
    static let all = ["15", "17", "18"].map { Recording(version: $0) }

    let version: String
    let binary: [RecordedMessage]
    let text: [RecordedMessage]
    var testDescription: String { "PostgreSQL \(version)" }

    init(version: String) {
        self.version = version
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let file = folder.appending(path: "Fixtures/pgoutput-\(version).txt")
        let text = try! String(contentsOf: file, encoding: .utf8)
        let lines = text.split(separator: "\n").map { $0.split(separator: " ") }
        func messages(_ format: String) -> [RecordedMessage] {
            lines.filter { $0[0] == format }.map {
                RecordedMessage(lsn: LSN(String($0[1]))!, xid: UInt32($0[2])!, bytes: bytes(hex: $0[3]))
            }
        }
        self.binary = messages("binary")
        self.text = messages("text")
    }
}

private func bytes(hex: Substring) -> [UInt8] {
    let digits = hex.utf8.map { $0 < 58 ? $0 - 48 : $0 - 87 }
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}

extension PgOutputDecoder {
    /// Decodes bytes that are in an array.
    mutating func decode(_ bytes: [UInt8], into buffer: ChangeBuffer) throws(PgOutputError) -> PgOutputEvent {
        try decode(unsafe bytes.span.bytes, into: buffer)
    }
}

extension ChangeBuffer {
    /// Each change on a line: `update schema.table key(1, null) new(2, unchanged, text)`. Long values are cut.
    var lines: [String] {
        changes.map { change in
            let relation = relations[Int(change.relation)]
            var line = "\(change.kind) \(relation.name)"
            if change.old != .none { line += " \(change.old)(\(columns(change.oldStart, of: relation)))" }
            if change.kind == .insert || change.kind == .update {
                line += " new(\(columns(change.newStart, of: relation)))"
            }
            return line
        }
    }

    private func columns(_ start: UInt32, of relation: Relation) -> String {
        relation.columns.indices.map { text(fields[Int(start) + $0]) }.joined(separator: ", ")
    }

    func content(_ field: Field) -> ArraySlice<UInt8> {
        bytes[Int(field.offset)..<(Int(field.offset) + Int(field.length))]
    }

    func text(_ field: Field) -> String {
        switch field.kind {
        case .null: "null"
        case .unchanged: "unchanged"
        case .text: field.length > 40 ? "\(field.length) bytes" : String(decoding: content(field), as: UTF8.self)
        case .binary: "\\x" + content(field).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        }
    }

    /// Every field of every change lies in the arena.
    var isSound: Bool {
        fields.allSatisfy { Int($0.offset) + Int($0.length) <= bytes.count }
            && changes.allSatisfy { Int($0.relation) < relations.count }
    }
}
