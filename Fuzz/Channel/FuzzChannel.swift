// Part of Lockstep. See LICENSE.

@testable import Bolt

/// One input of libFuzzer: a hostile server, and a client that does one thing after the other whatever it hears.
///
/// | byte | what |
/// |---|---|
/// | 0 | bit 0: the login is a good one and only what follows is hostile; bit 1: what follows is messages, each after a byte with its size, framed properly; bits 2-5: the version |
/// | 1 | how many operations |
/// | | so many operations, a byte each |
/// | | what the server sends |
func fuzzChannel(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    guard let start = unsafe start, count > 2 else { return 0 }
    let input = unsafe Array(UnsafeRawBufferPointer(start: start, count: count))
    let operations = input[2...].prefix(Int(input[1] & 0x1F))
    var sent = input[2...].dropFirst(operations.count)
    var bytes: [UInt8] = []
    if input[0] & 1 != 0 {
        bytes = goodLogin(BoltVersion.supported[Int(input[0] >> 2 & 0xF) % BoltVersion.supported.count])
    }
    if input[0] & 2 != 0 {
        while let size = sent.popFirst() {
            bytes += framed(Array(sent.prefix(Int(size))))
            sent = sent.dropFirst(Int(size))
        }
    } else {
        bytes += sent
    }
    do throws(BoltError) {
        let channel = try HostileServer.connect(sending: bytes)
        for operation in operations {
            do throws(BoltError) { try perform(operation, channel) } catch { check(error, channel) }
        }
        while channel.pendingResponses > 0 && channel.isOpen { _ = try channel.receive() }
    } catch {}  // Refused, as most bytes are.
    return 0
}

private func perform(_ operation: UInt8, _ channel: BoltChannel) throws(BoltError) {
    switch operation & 0xF {
    case 0: channel.begin(metadata: ["a": 1], timeout: .seconds(1))
    case 1: channel.run("RETURN $x", ["x": [1, "two"]])
    case 2: channel.pull(2)
    case 3: channel.pull()
    case 4: channel.discard()
    case 5: channel.commit()
    case 6: channel.rollback()
    case 7: channel.reset()
    case 8: if channel.pendingResponses > 0 { _ = try channel.receive() }
    case 9: _ = try channel.receiveIfAvailable()
    case 10: try channel.flush()
    case 11: try channel.recover()
    case 12: if channel.pendingResponses == 0 { _ = try channel.query("RETURN 1") }
    case 13: try stream(channel)
    case 14: channel.route(["address": "a:1"], TransactionExtra())
    default: channel.logOn(again: .basic(user: "u", password: "p"))
    }
}

private func stream(_ channel: BoltChannel) throws(BoltError) {
    guard channel.pendingResponses == 0 else { return }
    do throws(BoltStreamError<PackStreamError>) {
        try channel.forEachRecord("RETURN 1", fetchSize: 3) { reader throws(PackStreamError) in
            for _ in 0..<(try reader.readListHeader()) { _ = try reader.readRawValue() }
        }
    } catch {
        if case .query(let error) = error { throw error }
    }
}

/// An error closes the connection, but for what a server says about a query.
private func check(_ error: BoltError, _ channel: BoltChannel) {
    switch error.kind {
    case .server, .authentication: break
    case .deadline, .woken: preconditionFailure("nobody set a deadline: \(error)")
    case .timeout: preconditionFailure("all was there, and yet waited for: \(error)")
    default: precondition(!channel.isOpen, "open after \(error)")
    }
}

private func goodLogin(_ version: BoltVersion) -> [UInt8] {
    let server: BoltValue = ["server": "Neo4j/5.26.0", "connection_id": "bolt-1"]
    let success = framed(packed(.structure(tag: 0x70, fields: [server])))
    return [0, 0, version.minor, version.major] + success + (version.hasLogon ? success : [])
}

private func packed(_ value: BoltValue) -> [UInt8] {
    var buffer = PackStreamBuffer()
    buffer.append(value)
    return unsafe buffer.bytes.withUnsafeBytes { unsafe Array($0) }
}

/// A message in one chunk.
private func framed(_ message: [UInt8]) -> [UInt8] {
    [UInt8(message.count >> 8), UInt8(message.count & 0xFF)] + message + [0, 0]
}
