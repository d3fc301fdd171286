// Part of Lockstep. See LICENSE.

/// Keeps the bookmarks of several sessions, so that each sees what the others have done.
///
/// ``BoltBookmarks`` is one that keeps them in memory; another may share them with other programs.
public protocol BoltBookmarkManager: Sendable {
    /// Gives what the next transaction waits for.
    ///
    /// - Throws: Anything; the transaction then ends with an error of kind callback before it has begun.
    func bookmarks() async throws -> [String]

    /// Takes in what a transaction gave.
    ///
    /// - Parameters:
    ///   - previous: What the transaction waited for, and so what `new` includes.
    ///   - new: Its own bookmark.
    func replace(_ previous: [String], with new: [String]) async
}

/// A bookmark manager that keeps its bookmarks in memory.
///
///     let bookmarks = BoltBookmarks()
///     var settings = BoltSessionSettings()
///     settings.bookmarkManager = bookmarks
///     try await driver.session(settings).executeWrite { try await $0.run("CREATE (:Person)").consume() }
///     // Any session with the same manager sees the person, whichever member of the cluster it reads from.
public actor BoltBookmarks: BoltBookmarkManager {
    private var known: [String]
    private let supplier: (@Sendable () async throws -> [String])?
    private let consumer: (@Sendable ([String]) async -> Void)?

    /// - Parameters:
    ///   - initial: What the first transaction waits for.
    ///   - supplier: Asked before each transaction for more, which are not kept.
    ///   - consumer: Told all that are kept, each time they have changed.
    public init(
        initial: [String] = [], supplier: (@Sendable () async throws -> [String])? = nil,
        consumer: (@Sendable ([String]) async -> Void)? = nil
    ) {
        known = initial.withoutRepetitions
        self.supplier = supplier
        self.consumer = consumer
    }

    public func bookmarks() async throws -> [String] {
        let supplied = try await supplier?() ?? []
        return (known + supplied).withoutRepetitions
    }

    public func replace(_ previous: [String], with new: [String]) async {
        guard !new.isEmpty else { return }
        let replaced = Set(previous)
        known = (known.filter { !replaced.contains($0) } + new).withoutRepetitions
        await consumer?(known)
    }
}

extension [String] {
    /// Each once, where it came first.
    var withoutRepetitions: [String] {
        var seen: Set<String> = []
        return filter { seen.insert($0).inserted }
    }
}
