// Part of Lockstep. See LICENSE.

internal import Threading

/// Waits until `condition` holds, looking every few milliseconds.
///
/// - Parameters:
///   - what: Names the condition in the error.
///   - limit: How long to wait at most.
///   - interval: The pause between two looks.
///   - condition: Returns a value when it holds, nil while it does not. What it throws ends the wait.
/// - Returns: What `condition` returned.
/// - Throws: ``TestServerError`` when the limit has passed; what `condition` throws.
@discardableResult
public func eventually<Value>(
    _ what: String, within limit: Duration = .seconds(30), every interval: Duration = .milliseconds(5),
    isolation: isolated (any Actor)? = #isolation, _ condition: () async throws -> Value?
) async throws -> Value {
    let deadline = MonotonicTime.after(limit)
    while true {
        if let value = try await condition() { return value }
        guard MonotonicTime.now < deadline else { throw TestServerError("\(what): not so within \(limit)") }
        try await Task.sleep(for: interval)
    }
}

/// Waits until `condition` is true, looking every few milliseconds.
///
/// - Throws: ``TestServerError`` when the limit has passed; what `condition` throws.
public func eventually(
    _ what: String, within limit: Duration = .seconds(30), every interval: Duration = .milliseconds(5),
    isolation: isolated (any Actor)? = #isolation, _ condition: () async throws -> Bool
) async throws {
    let _: Void = try await eventually(what, within: limit, every: interval) { try await condition() ? () : nil }
}
