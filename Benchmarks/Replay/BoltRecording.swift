// Part of Lockstep. See LICENSE.

/// What a writer sent over its connection, cut into what belongs together.
struct BoltRecording {
    /// The magic number and the versions proposed.
    let proposals: ArraySlice<UInt8>
    /// What follows the server's answer where that is a manifest; else empty.
    let choice: ArraySlice<UInt8>
    /// HELLO and LOGON.
    let login: Part
    /// From a BEGIN to its COMMIT each.
    let transactions: [Part]

    struct Part {
        var bytes: ArraySlice<UInt8>
        /// Answers that end a request.
        var answers: Int
    }

    private static let (begin, commit, goodbye): (UInt8, UInt8, UInt8) = (0x11, 0x12, 0x02)

    init(_ bytes: [UInt8]) throws {
        guard bytes.count > 25 else { throw BenchmarkError("nothing was recorded") }
        proposals = bytes[..<20]
        // A version with no capabilities, where the server sent a manifest; a message's first chunk has a size there.
        let hasChoice = bytes[20] == 0 && bytes[21] == 0
        choice = hasChoice ? bytes[20..<25] : []
        var login = Part(bytes: bytes[20..<20], answers: 0)
        var transactions: [Part] = []
        var position = hasChoice ? 25 : 20
        var start = position
        var answers = 0
        while let message = Self.message(in: bytes, at: position) {
            if message.tag == Self.begin, transactions.isEmpty, answers > 0 {
                login = Part(bytes: bytes[start..<position], answers: answers)
                (start, answers) = (position, 0)
            }
            position = message.end
            if message.tag == Self.goodbye { break }
            answers += 1
            if message.tag == Self.commit {
                transactions.append(Part(bytes: bytes[start..<position], answers: answers))
                (start, answers) = (position, 0)
            }
        }
        guard login.answers > 0, !transactions.isEmpty else { throw BenchmarkError("no transaction was recorded") }
        self.login = login
        self.transactions = transactions
    }

    var byteCount: Int { transactions.reduce(0) { $0 + $1.bytes.count } }

    /// Requests but BEGIN, COMMIT and what pulls: statements.
    var checksum: UInt64 {
        transactions.reduce(14_695_981_039_346_656_037) { sum, part in
            part.bytes.reduce(sum) { ($0 ^ UInt64($1)) &* 1_099_511_628_211 }
        }
    }

    /// The message at `position`: its tag, and where the next one is; nil where it is not whole.
    private static func message(in bytes: [UInt8], at position: Int) -> (tag: UInt8, end: Int)? {
        var offset = position
        guard offset + 4 <= bytes.count else { return nil }
        let tag = bytes[offset + 3]
        while offset + 2 <= bytes.count {
            let size = Int(bytes[offset]) << 8 | Int(bytes[offset + 1])
            offset += 2 + size
            if size == 0 { return (tag, offset) }
        }
        return nil
    }
}
