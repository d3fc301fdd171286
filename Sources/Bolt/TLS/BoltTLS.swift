// Part of Lockstep. See LICENSE.

/// How a connection is encrypted, whom it trusts and who the client says it is.
///
///     var configuration = try BoltConfiguration(url: "bolt+s://neo4j@graph.example")
///     configuration.tls?.trust = .authorities(files: ["/etc/ssl/our-ca.pem"])
///
/// TLS 1.2 and 1.3 are spoken. The server's certificate has to name the host that was asked for, an IP address
/// included, unless ``Trust/anybody`` is chosen.
public struct BoltTLS: Sendable, Hashable {
    /// Whose word is taken for who the server is.
    public enum Trust: Sendable, Hashable {
        /// The authorities the system trusts; `SSL_CERT_FILE` and `SSL_CERT_DIR` name others.
        case system
        /// The authorities whose certificates these files hold, as PEM, and no others.
        case authorities(files: [String])
        /// No look at the certificate at all: keeps listeners out, but not somebody who poses as the server.
        case anybody
    }

    /// What a server that asks who the client is gets shown.
    public struct ClientCertificate: Sendable, Hashable {
        /// PEM: the certificate, then those of the authorities between it and the server's.
        public var file: String
        /// PEM; may be the same file.
        public var keyFile: String
        /// Nil for a key that is not encrypted.
        public var keyPassword: BoltSecret?

        public init(file: String, keyFile: String, keyPassword: BoltSecret? = nil) {
            self.file = file
            self.keyFile = keyFile
            self.keyPassword = keyPassword
        }
    }

    public var trust: Trust
    public var clientCertificate: ClientCertificate?

    public init(trust: Trust = .system, clientCertificate: ClientCertificate? = nil) {
        self.trust = trust
        self.clientCertificate = clientCertificate
    }
}

/// Why a connection could not be encrypted, where ``BoltError/kind`` is ``BoltError/Kind/tls``.
public enum BoltTLSFault: Sendable, Hashable {
    /// The server's certificate, or one above it, has expired.
    case expired
    case notYetValid
    /// The certificate is for another host.
    case wrongHost
    /// Signed by nobody who is trusted, or by itself.
    case unknownAuthority
    /// Something else is wrong with the server's certificate.
    case badCertificate
    /// The port does not speak TLS; perhaps it speaks Bolt without.
    case notTLS
    /// The port speaks HTTP.
    case http
    /// Both sides have no version or cipher in common.
    case nothingInCommon
    /// The server wants a certificate from the client, or another one than it was given.
    case clientCertificate
    /// A file that the settings name cannot be used.
    case badFile
    /// What the other side sent breaks the protocol, or it gave up without a reason.
    case other
}
