// Part of Lockstep. See LICENSE.

import Mapping
import PostgreSQL
import Testing

@testable import Apply

struct `The queue of batches` {
    @Test func `gives what was put before a gap, and takes nothing behind it`() {
        let queue = BatchQueue(capacity: 1)
        #expect(queue.put(EncodedBatch([], at: LSN(rawValue: 1))))
        #expect(!queue.hasRoom)
        // The stop comes: one is not put. Then the writer takes the first.
        queue.leaveGap()
        #expect(queue.take()?.end.endLSN == LSN(rawValue: 1))
        #expect(queue.hasRoom)
        #expect(!queue.put(EncodedBatch([], at: LSN(rawValue: 3))))
        #expect(queue.take() == nil)
        queue.close()
        #expect(queue.isFinished)
    }
}
