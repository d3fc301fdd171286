// Part of Lockstep. See LICENSE.

@testable import Bolt

/// One input of libFuzzer: the bytes are a value, and then what a socket delivers, in pieces.
func fuzzPackStream(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    guard let start = unsafe start, count > 0 else { return 0 }
    let bytes = unsafe RawSpan(_unsafeStart: start, byteCount: count)
    readAsValue(bytes)
    readAsAnswer(bytes)
    readAsStream(bytes)
    return 0
}

/// What is read as a value is stepped over alike, and comes back as it is when it was written.
private func readAsValue(_ bytes: RawSpan) {
    var reader = PackStreamReader(bytes)
    var skipper = PackStreamReader(bytes)
    let value: BoltValue
    do throws(PackStreamError) {
        value = try reader.readValue()
    } catch {
        precondition(error.offset >= 0 && error.offset <= bytes.byteCount, "an error at \(error.offset)")
        do throws(PackStreamError) { try skipper.skipValue() } catch {}  // May be taken: it looks at less.
        return
    }
    do throws(PackStreamError) {
        let raw = try skipper.readRawValue()
        precondition(skipper.position == reader.position && raw.byteCount == reader.position, "skipped another length")
        // NaN equals nothing; but an array equals itself, whatever is in it, so this has to be another one.
        var twin = PackStreamReader(bytes)
        guard try twin.readValue() == value else { return }
        var again = PackStreamBuffer()
        again.append(value)
        var back = PackStreamReader(again.bytes)
        let second = try back.readValue()
        precondition(second == value && back.isAtEnd, "written as something else")
    } catch {
        preconditionFailure("a value that was read is refused the second time: \(error)")
    }
}

private func readAsAnswer(_ bytes: RawSpan) {
    var reader = PackStreamReader(bytes)
    do throws(PackStreamError) {
        _ = try reader.readResponse(try reader.readResponseTag())
        try reader.expectEnd()
    } catch {}  // Refused, as most bytes are.
}

/// The same messages come, and the same refusal, however the bytes are cut.
private func readAsStream(_ bytes: RawSpan) {
    let whole = messages(bytes, pieces: bytes.byteCount)
    for pieces in [1, 7, 1 + Int(unsafe bytes.unsafeLoad(fromByteOffset: 0, as: UInt8.self))] {
        precondition(messages(bytes, pieces: pieces) == whole, "other messages in pieces of \(pieces)")
    }
}

/// - Returns: The messages; nil where one is larger than it may be.
private func messages(_ bytes: RawSpan, pieces: Int) -> [[UInt8]]? {
    var dechunker = Dechunker(messageBytesMax: 1000)
    var messages: [[UInt8]] = []
    var offset = 0
    while offset < bytes.byteCount {
        unsafe dechunker.fill { room in
            let count = min(pieces, room.count, bytes.byteCount - offset)
            unsafe bytes.extracting(offset..<offset + count).withUnsafeBytes { unsafe room.copyMemory(from: $0) }
            offset += count
            return count
        }
        do throws(Dechunker.TooLarge) {
            while try dechunker.advance() {
                let message = dechunker.take()
                messages.append(unsafe dechunker.message(message).withUnsafeBytes { unsafe Array($0) })
            }
        } catch { return nil }
    }
    return messages
}
