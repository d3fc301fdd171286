// Part of Lockstep. See LICENSE.

import Threading

/// Sends a recording's bytes over one connection: the rate that the graph itself can take, with no work on our side.
struct BoltReplay {
    private let socket: LoopbackSocket
    private let recording: BoltRecording
    private var answers = AnswerCounter()

    /// Connects and logs in.
    init(_ recording: BoltRecording, port: Int) throws {
        self.recording = recording
        socket = try .connect(port: port)
        guard socket.write(recording.proposals) else { throw BenchmarkError("the graph took no handshake") }
        var greeting: [UInt8] = []
        while greeting.count < 4 || (greeting[3] == 0xFF && !Self.isWhole(manifest: greeting)) {
            let bytes = socket.read()
            guard !bytes.isEmpty else { throw BenchmarkError("the graph ended the handshake") }
            greeting += bytes
        }
        guard socket.write(recording.choice), socket.write(recording.login.bytes) else {
            throw BenchmarkError("the graph took no login")
        }
        try wait(for: recording.login.answers)
    }

    private static func isWhole(manifest: [UInt8]) -> Bool {
        // Fewer than 128 versions, and capabilities of one byte.
        manifest.count >= 5 && manifest.count >= 5 + 4 * Int(manifest[4]) + 1
    }

    /// Sends every transaction, with so many under way at once as Lockstep has.
    ///
    /// - Returns: Seconds from the first byte to the last answer.
    mutating func run(depth: Int) throws -> Double {
        let began = MonotonicTime.now
        var owed: [Int] = []
        for transaction in recording.transactions {
            if owed.count == depth { try wait(for: owed.removeFirst()) }
            guard socket.write(transaction.bytes) else { throw BenchmarkError("the graph closed the connection") }
            owed.append(transaction.answers)
        }
        for count in owed { try wait(for: count) }
        return (MonotonicTime.now - began) / .seconds(1)
    }

    /// Sends one transaction after the other, each when the one before was answered.
    ///
    /// - Parameter interval: From the start of one to the start of the next; nil for at once.
    /// - Returns: Milliseconds of each.
    mutating func runOneByOne(every interval: Duration? = nil) throws -> [Double] {
        var next = MonotonicTime.now
        return try recording.transactions.map { transaction in
            if let interval {
                sleep(until: next)
                next = next + interval
            }
            let began = MonotonicTime.now
            guard socket.write(transaction.bytes) else { throw BenchmarkError("the graph closed the connection") }
            try wait(for: transaction.answers)
            return (MonotonicTime.now - began) / .milliseconds(1)
        }
    }

    private mutating func wait(for count: Int) throws {
        while answers.count < count {
            let bytes = socket.read()
            guard !bytes.isEmpty else { throw BenchmarkError("the graph closed the connection") }
            try answers.take(bytes)
        }
        answers.count -= count
    }
}

/// Counts the answers that end a request, in whatever pieces they arrive.
private struct AnswerCounter {
    var count = 0
    /// Bytes of the chunk that are still to come.
    private var chunk = 0
    private var header: [UInt8] = []
    /// The message's first two bytes: the structure's marker and its tag.
    private var head: [UInt8] = []

    mutating func take(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            if chunk > 0 {
                let part = rest.prefix(chunk)
                if head.count < 2 { head += part.prefix(2 - head.count) }
                chunk -= part.count
                rest = rest.dropFirst(part.count)
                continue
            }
            header.append(rest.removeFirst())
            guard header.count == 2 else { continue }
            chunk = Int(header[0]) << 8 | Int(header[1])
            header = []
            if chunk == 0, head.count == 2 { try ended() }
        }
    }

    private mutating func ended() throws {
        switch head[1] {
        case 0x71: break
        case 0x70: count += 1
        default: throw BenchmarkError("the graph refused what it took before: answer \(String(head[1], radix: 16))")
        }
        head = []
    }
}

/// Sleeps, and is never early.
func sleep(until time: MonotonicTime) {
    while case let left = time.nanoseconds - MonotonicTime.now.nanoseconds, left > 0 {
        MonotonicTime.rest(.nanoseconds(min(left, 900_000)))
    }
}
