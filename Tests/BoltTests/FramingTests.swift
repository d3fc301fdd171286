// Part of Lockstep. See LICENSE.

import Testing

@testable import Bolt

extension Dechunker {
    /// Feeds bytes, as many reads of them as it takes.
    fileprivate mutating func feed(_ bytes: ArraySlice<UInt8>) {
        var rest = bytes
        while !rest.isEmpty {
            unsafe fill { room in
                let count = min(room.count, rest.count)
                unsafe room.copyBytes(from: rest.prefix(count))
                rest = rest.dropFirst(count)
                return count
            }
        }
    }

    fileprivate mutating func messages() throws -> [[UInt8]] {
        var messages: [[UInt8]] = []
        while try advance() {
            let range = take()
            messages.append(unsafe message(range).withUnsafeBytes { unsafe Array($0) })
        }
        return messages
    }
}

@Suite struct `Taking messages out of chunks` {
    private static let messages: [[UInt8]] = [
        [1], [2, 3, 4], Array(repeating: 5, count: 70_000), [6], Array(repeating: 7, count: 200_000), [8, 9],
    ]

    /// Messages in chunks of several sizes, NOOPs before, between and after them.
    private static let stream: [UInt8] =
        [0, 0]
        + zip(messages, [1, 2, 999, 5, 0xFFFF, 1]).flatMap { chunked($0, chunk: $1) + [0, 0, 0, 0] }

    @Test(arguments: [1, 2, 3, 7, 1000, 65_536, 1 << 20])
    func `gives the same however the bytes arrive`(size: Int) throws {
        var dechunker = Dechunker(messageBytesMax: 1 << 20)
        var seen: [[UInt8]] = []
        for start in stride(from: 0, to: Self.stream.count, by: size) {
            dechunker.feed(Self.stream[start..<min(start + size, Self.stream.count)])
            seen += try dechunker.messages()
        }
        #expect(seen == Self.messages)
        #expect(try !dechunker.advance())
    }

    @Test func `keeps a message that was seen and not taken while more arrives`() throws {
        var dechunker = Dechunker(messageBytesMax: 1 << 20)
        dechunker.feed(chunked([1, 2, 3], chunk: 2)[...])
        #expect(try dechunker.advance())
        for _ in 0..<100 { dechunker.feed(chunked(Array(repeating: 9, count: 5000))[...]) }
        let messages = try dechunker.messages()
        #expect(messages.count == 101)
        #expect(messages.first == [1, 2, 3])
        #expect(messages.dropFirst().allSatisfy { $0 == Array(repeating: 9, count: 5000) })
    }

    @Test func `goes on after a buffer that has grown large`() throws {
        var dechunker = Dechunker(messageBytesMax: 64 << 20)
        for _ in 0..<3 {
            let large = [UInt8](repeating: 4, count: 12 << 20)
            dechunker.feed(chunked(large)[...])
            #expect(try dechunker.messages() == [large])
            dechunker.feed(chunked([1])[...])
            #expect(try dechunker.messages() == [[1]])
        }
    }

    @Test(arguments: [100, 1000])
    func `refuses a message that is too large as soon as that is known`(chunk: Int) throws {
        var dechunker = Dechunker(messageBytesMax: 1000)
        dechunker.feed(chunked([UInt8](repeating: 1, count: 1000), chunk: chunk)[...])
        #expect(try dechunker.messages().count == 1)
        // Only the header of the chunk that goes beyond the limit has to be there.
        let endless = chunked([UInt8](repeating: 1, count: 2000), chunk: chunk)
        dechunker.feed(endless[..<((1000 / chunk) * (chunk + 2) + 2)])
        #expect(throws: Dechunker.TooLarge.self) { _ = try dechunker.advance() }
    }
}

extension ChunkWriter {
    fileprivate var unsentArray: [UInt8] { unsafe unsent.withUnsafeBytes { unsafe Array($0) } }
}

@Suite struct `Cutting messages into chunks` {
    private func buffer(_ bytes: [UInt8]) -> PackStreamBuffer {
        var buffer = PackStreamBuffer()
        unsafe buffer.appendRaw(bytes.span.bytes)
        return buffer
    }

    @Test(arguments: [1, 3, 65_534, 65_535, 65_536, 131_070, 131_071, 500_000])
    func `fills chunks up to 65535 bytes`(count: Int) {
        let message = (0..<count).map { UInt8(truncatingIfNeeded: $0 / 3) }
        var writer = ChunkWriter()
        writer.appendMessage(buffer(message))
        #expect(writer.unsentArray == chunked(message))
        #expect(writer.total == UInt64(writer.unsentBytes))
    }

    @Test func `parts become one message`() {
        let parts: [[UInt8]] = [[1, 2], Array(repeating: 3, count: 65_533), [4]]
        var writer = ChunkWriter()
        writer.appendMessage(buffer(parts[0]), buffer(parts[1]), buffer(parts[2]))
        #expect(writer.unsentArray == chunked(parts.flatMap { $0 }))
    }

    @Test func `what was sent is gone, and counted`() {
        var writer = ChunkWriter()
        writer.appendMessage(buffer([1, 2, 3]))
        writer.appendMessage(buffer([4]))
        #expect(writer.totalSent == 0)
        writer.consume(8)
        #expect(writer.unsentArray == [1, 4, 0, 0])
        #expect(writer.totalSent == 8)
        writer.consume(4)
        #expect(writer.unsentBytes == 0)
        writer.appendMessage(buffer([5]))
        #expect(writer.unsentArray == [0, 1, 5, 0, 0])
        #expect(writer.total == 17)
        writer.drop()
        #expect(writer.total == 12)
        #expect(writer.totalSent == 12)
    }
}
