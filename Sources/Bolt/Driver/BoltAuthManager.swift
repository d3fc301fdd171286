// Part of Lockstep. See LICENSE.

internal import Threading

/// Gives a driver its credentials, and new ones when these end.
///
/// ``BoltRenewedAuth`` is one for passwords that are changed and for tokens that expire.
public protocol BoltAuthManager: Sendable {
    /// Gives the credentials to use now.
    ///
    /// Asked whenever a connection is taken, so it should answer from memory. A connection that has other credentials
    /// is logged on again, and before Bolt 5.1 closed.
    ///
    /// - Throws: Anything; what needed the connection then ends with an error of kind callback.
    func auth() async throws -> BoltAuth

    /// Hears that a server does not take credentials, or does not take them any more.
    ///
    /// - Parameters:
    ///   - failure: Its ``BoltFailure/code`` begins with `Neo.ClientError.Security.`.
    ///   - auth: What the server was given; may be older than what ``auth()`` gives by now.
    /// - Returns: True where ``auth()`` has, or will have, better ones: then the same work may succeed when it is done
    ///   again, and a managed transaction is.
    func handle(_ failure: BoltFailure, of auth: BoltAuth) async -> Bool
}

/// Credentials, and how long they are good for.
public struct BoltExpiringAuth: Sendable {
    public var auth: BoltAuth
    /// Nil for as long as the server takes them.
    public var lifetime: Duration?

    public init(_ auth: BoltAuth, lifetime: Duration? = nil) {
        self.auth = auth
        self.lifetime = lifetime
    }
}

/// Credentials that are fetched again when they have expired, or when a server no longer takes them.
///
///     var settings = BoltDriverSettings(connection)
///     settings.authManager = BoltRenewedAuth.bearer {
///         let token = try await identityProvider.token()
///         return BoltExpiringAuth(.bearer(token: BoltSecret(token.text)), lifetime: token.lifetime)
///     }
///
/// They are fetched once at a time, however many connections wait for them.
public actor BoltRenewedAuth: BoltAuthManager {
    private let provider: @Sendable () async throws -> BoltExpiringAuth
    private let renewedAfter: Set<String>
    private let clock: BoltClock

    private var current: BoltExpiringAuth?
    private var fetched = MonotonicTime(nanoseconds: 0)
    /// Under way. Stored so that everybody waits for the same; ends by itself.
    private var fetch: Task<Result<BoltExpiringAuth, any Error>, Never>?

    private init(
        renewedAfter: Set<String>, clock: BoltClock, provider: @escaping @Sendable () async throws -> BoltExpiringAuth
    ) {
        self.renewedAfter = renewedAfter
        self.clock = clock
        self.provider = provider
    }

    /// For passwords that are changed now and then: fetched again when a server refuses them.
    public static func basic(_ provider: @escaping @Sendable () async throws -> BoltAuth) -> BoltRenewedAuth {
        BoltRenewedAuth(renewedAfter: ["Neo.ClientError.Security.Unauthorized"], clock: .system) {
            BoltExpiringAuth(try await provider())
        }
    }

    /// For tokens of a single sign-on provider: fetched again before they expire, and when a server refuses them.
    ///
    /// - Parameter clock: By which lifetimes count.
    public static func bearer(
        clock: BoltClock = .system, _ provider: @escaping @Sendable () async throws -> BoltExpiringAuth
    ) -> BoltRenewedAuth {
        BoltRenewedAuth(
            renewedAfter: ["Neo.ClientError.Security.TokenExpired", "Neo.ClientError.Security.Unauthorized"],
            clock: clock, provider: provider)
    }

    public func auth() async throws -> BoltAuth {
        if let current, !isExpired(current) { return current.auth }
        if let fetch { return try await fetch.value.get().auth }
        let provider = provider
        let fetch = Task { () -> Result<BoltExpiringAuth, any Error> in
            do { return .success(try await provider()) } catch { return .failure(error) }
        }
        self.fetch = fetch
        let started = clock.now
        let result = await fetch.value
        self.fetch = nil
        let new = try result.get()
        current = new
        fetched = started
        return new.auth
    }

    private func isExpired(_ auth: BoltExpiringAuth) -> Bool {
        guard let lifetime = auth.lifetime else { return false }
        return clock.now - fetched >= lifetime
    }

    public func handle(_ failure: BoltFailure, of auth: BoltAuth) -> Bool {
        guard renewedAfter.contains(failure.code) else { return false }
        if current?.auth == auth { current = nil }
        return true
    }
}

/// Credentials that stay as they are: those of the settings, or a session's own.
struct BoltFixedAuth: BoltAuthManager {
    private let fixed: BoltAuth

    init(_ auth: BoltAuth) { fixed = auth }

    func auth() -> BoltAuth { fixed }

    func handle(_ failure: BoltFailure, of auth: BoltAuth) -> Bool { false }
}

/// As whom a connection is handed out.
struct BoltLogin: Sendable {
    let manager: any BoltAuthManager
    /// Not the driver's, which is possible where a server lets connections change the user.
    var isSessions = false
    /// Logs on again even where the connection has these credentials.
    var isForced = false

    /// - Throws: Of kind callback.
    func credentials() async throws(BoltError) -> BoltAuth {
        do { return try await manager.auth() } catch {
            throw BoltError(callback: "the auth manager gave no credentials", error)
        }
    }
}
