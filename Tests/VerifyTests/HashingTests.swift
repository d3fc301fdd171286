// Part of Lockstep. See LICENSE.

import Testing

@testable import Verify

struct HashingTests {
    private func fingerprint(_ text: String) -> String {
        let bytes = Array(text.utf8)
        let print = unsafe Fingerprint(bytes.span.bytes)
        return [print.high, print.low].map { String($0, radix: 16) }.joined(separator: " ")
    }

    /// Published values of MurmurHash3 x64/128 with seed 0.
    @Test func `fingerprints are MurmurHash3`() {
        #expect(fingerprint("") == "0 0")
        #expect(fingerprint("hello") == "cbd8a7b341bd9b02 5b1e906a48ae1d19")
        #expect(fingerprint("The quick brown fox jumps over the lazy dog") == "e34bbc7bbc071b6c 7a433ca9c49a9347")
    }

    @Test func `a table of rows tells what was seen from what was not`() {
        var table = RowTable(expecting: 0)
        let count = 20_000
        func key(_ number: Int) -> Fingerprint {
            let bytes = Array("key \(number)".utf8)
            return unsafe Fingerprint(bytes.span.bytes)
        }
        for number in 0..<count { #expect(table.insert(key(number), row: UInt64(number) << 8) == .new) }
        #expect(table.insert(key(7), row: 0) == .repeated)
        #expect(table.count == count)
        for number in stride(from: 0, to: count, by: 2) {
            #expect(table.see(key(number), row: UInt64(number) << 8) == .equal)
        }
        #expect(table.seenCount == count / 2)
        #expect(table.see(key(0), row: 0) == .repeated)
        #expect(table.see(key(1), row: 0xFF00) == .different)
        #expect(table.see(key(-1), row: 0) == .unknown)
        #expect(!table.isUnseen(key(1)))
        #expect(table.isUnseen(key(3)))
        #expect(!table.isUnseen(key(count)))
    }
}
