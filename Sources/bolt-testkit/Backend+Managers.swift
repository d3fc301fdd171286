// Part of Lockstep. See LICENSE.

import Bolt

/// What the driver asks the test for while it works.
extension Backend {
    /// - Returns: Nil where the request is about something else.
    func handleManager(_ name: String, _ data: JSON) -> (String, JSON)? {
        switch name {
        case "NewBookmarkManager": return ("BookmarkManager", newBookmarkManager(data))
        case "BookmarkManagerClose":
            bookmarkManagers[id(data)] = nil
            return ("BookmarkManager", ["id": data["id"]])
        case "NewAuthTokenManager":
            let id = nextID()
            authManagers[id] = TestAuthManager(backend: self, id: id)
            return ("AuthTokenManager", ["id": .int(Int64(id))])
        case "NewBasicAuthTokenManager":
            let id = nextID()
            authManagers[id] = BoltRenewedAuth.basic { [self] in
                let answer = try await ask(
                    "BasicAuthTokenProviderRequest", ["basicAuthTokenManagerId": .int(Int64(id))])
                return try await given(answer["auth"])
            }
            return ("BasicAuthTokenManager", ["id": .int(Int64(id))])
        case "NewBearerAuthTokenManager":
            let id = nextID()
            authManagers[id] = BoltRenewedAuth.bearer(clock: clock.clock) { [self] in
                let answer = try await ask(
                    "BearerAuthTokenProviderRequest", ["bearerAuthTokenManagerId": .int(Int64(id))])
                let data = answer["auth"]["data"]
                return BoltExpiringAuth(
                    try await given(data["auth"]), lifetime: data["expiresInMs"].int.map { .milliseconds($0) })
            }
            return ("BearerAuthTokenManager", ["id": .int(Int64(id))])
        case "AuthTokenManagerClose":
            authManagers[id(data)] = nil
            return ("AuthTokenManager", ["id": data["id"]])
        case "NewClientCertificateProvider":
            let id = nextID()
            certificateProviders.insert(id)
            return ("ClientCertificateProvider", ["id": .int(Int64(id))])
        case "ClientCertificateProviderClose":
            certificateProviders.remove(id(data))
            return ("ClientCertificateProvider", ["id": data["id"]])
        case "FakeTimeInstall":
            clock.stop()
            return ("FakeTimeAck", [:])
        case "FakeTimeTick":
            clock.advance(.milliseconds(data["incrementMs"].int ?? 0))
            return ("FakeTimeAck", [:])
        case "FakeTimeUninstall":
            clock.restart()
            return ("FakeTimeAck", [:])
        default: return nil
        }
    }

    private func id(_ data: JSON) -> Int { Int(data["id"].int ?? 0) }

    /// Asks the test, and serves its requests until it has answered.
    func ask(_ name: String, _ data: [String: JSON]) async throws -> JSON {
        var data = data
        data["id"] = .int(Int64(nextID()))
        peer.send(name, .object(data))
        while let request = await peer.nextRequest() {
            if request["name"].string?.hasSuffix("Completed") == true { return request["data"] }
            await answer(request)
        }
        throw Failed(message: "the test hung up")
    }

    private func newBookmarkManager(_ data: JSON) -> JSON {
        let id = nextID()
        let number = JSON.int(Int64(id))
        var supplier: (@Sendable () async throws -> [String])?
        if data["bookmarksSupplierRegistered"].bool == true {
            supplier = { [self] in try await bookmarks(for: number) }
        }
        var consumer: (@Sendable ([String]) async -> Void)?
        if data["bookmarksConsumerRegistered"].bool == true {
            consumer = { [self] bookmarks in await tell(bookmarks, of: number) }
        }
        let initial: [String] = data["initialBookmarks"].array?.compactMap(\.string) ?? []
        bookmarkManagers[id] = BoltBookmarks(initial: initial, supplier: supplier, consumer: consumer)
        return ["id": number]
    }

    private func bookmarks(for manager: JSON) async throws -> [String] {
        let answer = try await ask("BookmarksSupplierRequest", ["bookmarkManagerId": manager])
        return (answer["bookmarks"].array ?? []).compactMap(\.string)
    }

    private func tell(_ bookmarks: [String], of manager: JSON) async {
        let bookmarks = JSON.array(bookmarks.map { .string($0) })
        // A test that hangs up is told of nothing more.
        _ = try? await ask("BookmarksConsumerRequest", ["bookmarkManagerId": manager, "bookmarks": bookmarks])
    }

    func given(_ token: JSON) throws -> BoltAuth {
        guard let auth = try auth(token) else { throw Failed(message: "the test gave no credentials") }
        return auth
    }

    /// - Returns: Nil where the test says that it has no other than before.
    func certificate(of provider: Int) async throws -> BoltTLS.ClientCertificate? {
        let answer = try await ask(
            "ClientCertificateProviderRequest", ["clientCertificateProviderId": .int(Int64(provider))])
        return answer["hasUpdate"].bool == true ? Self.certificate(answer["clientCertificate"]) : nil
    }
}

/// An auth manager that the test plays.
private struct TestAuthManager: BoltAuthManager {
    let backend: Backend
    let id: Int

    func auth() async throws -> BoltAuth {
        let answer = try await backend.ask("AuthTokenManagerGetAuthRequest", ["authTokenManagerId": .int(Int64(id))])
        return try await backend.given(answer["auth"])
    }

    func handle(_ failure: BoltFailure, of auth: BoltAuth) async -> Bool {
        let data: [String: JSON] = [
            "authTokenManagerId": .int(Int64(id)), "auth": auth.json, "errorCode": .string(failure.code),
        ]
        // A test that hangs up handles nothing.
        let answer = try? await backend.ask("AuthTokenManagerHandleSecurityExceptionRequest", data)
        return answer?["handled"].bool ?? false
    }
}

extension BoltAuth {
    fileprivate var json: JSON {
        var data: [String: JSON] = [:]
        switch self {
        case .none: data = ["scheme": "none"]
        case .basic(let user, let password, let realm):
            data = ["scheme": "basic", "principal": .string(user), "credentials": .string(password.reveal())]
            data["realm"] = realm.map { .string($0) }
        case .bearer(let token): data = ["scheme": "bearer", "credentials": .string(token.reveal())]
        case .kerberos(let ticket): data = ["scheme": "kerberos", "credentials": .string(ticket.reveal())]
        case .custom(let scheme, let principal, let credentials, let realm, _):
            data = [
                "scheme": .string(scheme), "principal": .string(principal),
                "credentials": .string(credentials.reveal()),
            ]
            data["realm"] = realm.map { .string($0) }
        }
        return ["name": "AuthorizationToken", "data": .object(data)]
    }
}
