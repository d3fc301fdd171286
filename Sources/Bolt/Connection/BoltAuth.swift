// Part of Lockstep. See LICENSE.

/// Who the client says it is.
public enum BoltAuth: Sendable, Hashable {
    /// For a server without authentication.
    case none
    case basic(user: String, password: BoltSecret, realm: String? = nil)
    /// A token of a single sign-on provider.
    case bearer(token: BoltSecret)
    /// A ticket, base64-encoded.
    case kerberos(ticket: BoltSecret)
    /// What a plug-in of the server wants.
    case custom(
        scheme: String, principal: String, credentials: BoltSecret, realm: String? = nil,
        parameters: [String: BoltValue] = [:])

    /// The entries as they go over the wire, the secret included.
    var entries: [(key: String, value: BoltValue)] {
        switch self {
        case .none: return [("scheme", "none")]
        case .basic(let user, let password, let realm):
            return [
                ("scheme", "basic"), ("principal", .string(user)), ("credentials", .string(password.reveal())),
            ] + (realm.map { [("realm", .string($0))] } ?? [])
        case .bearer(let token): return [("scheme", "bearer"), ("credentials", .string(token.reveal()))]
        case .kerberos(let ticket):
            return [("scheme", "kerberos"), ("principal", ""), ("credentials", .string(ticket.reveal()))]
        case .custom(let scheme, let principal, let credentials, let realm, let parameters):
            var entries: [(String, BoltValue)] = [
                ("scheme", .string(scheme)), ("principal", .string(principal)),
            ]
            if credentials != "" { entries.append(("credentials", .string(credentials.reveal()))) }
            if let realm { entries.append(("realm", .string(realm))) }
            if !parameters.isEmpty { entries.append(("parameters", .map(parameters))) }
            return entries
        }
    }
}
