// Part of Lockstep. See LICENSE.

import COpenSSL
import Foundation
import TestServers

/// The server's side of TLS, blocking, by the same library as ours: what is tested is how we use it.
@safe final class FakeTLS: @unchecked Sendable {  // Used under the connection's lock.
    struct Identity: Sendable {
        var certificate: String
        var key: String
        /// The authority whose certificates a client has to show; nil asks for none.
        var clientAuthority: String?
        /// The newest version, as OpenSSL numbers them.
        var newestVersion = TLS1_3_VERSION
    }

    private let session: OpaquePointer
    private(set) var requestedName: String?

    init(_ descriptor: Int32, _ identity: Identity) throws {
        // OpenSSL's own socket raises SIGPIPE, which belongs to this thread alone.
        var pipe = sigset_t()
        unsafe sigemptyset(&pipe)
        unsafe sigaddset(&pipe, SIGPIPE)
        unsafe pthread_sigmask(SIG_BLOCK, &pipe, nil)
        let context = unsafe SSL_CTX_new(TLS_server_method())
        defer { unsafe SSL_CTX_free(context) }
        unsafe SSL_CTX_ctrl(context, SSL_CTRL_SET_MAX_PROTO_VERSION, Int(identity.newestVersion), nil)
        if identity.newestVersion < TLS1_2_VERSION { unsafe SSL_CTX_set_cipher_list(context, "ALL:@SECLEVEL=0") }
        guard unsafe SSL_CTX_use_certificate_chain_file(context, identity.certificate) == 1,
            unsafe SSL_CTX_use_PrivateKey_file(context, identity.key, SSL_FILETYPE_PEM) == 1
        else { throw FakeServer.ScriptError(description: "cannot use \(identity.certificate)") }
        if let authority = identity.clientAuthority {
            unsafe SSL_CTX_load_verify_locations(context, authority, nil)
            unsafe SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
        }
        guard let session = unsafe SSL_new(context) else { throw FakeServer.ScriptError(description: "no session") }
        unsafe self.session = session
        unsafe SSL_set_fd(session, descriptor)
        guard unsafe SSL_accept(session) == 1 else { throw Refused() }
        if let name = unsafe SSL_get_servername(session, TLSEXT_NAMETYPE_host_name) {
            requestedName = unsafe String(cString: name)
        }
    }

    /// The client did not go through with it.
    struct Refused: Error {}

    deinit { unsafe SSL_free(session) }

    func read(_ room: UnsafeMutableRawBufferPointer) -> Int {
        Int(unsafe SSL_read(session, room.baseAddress, Int32(room.count)))
    }

    func write(_ bytes: UnsafeRawBufferPointer) -> Int {
        Int(unsafe SSL_write(session, bytes.baseAddress, Int32(bytes.count)))
    }
}

/// Certificates for tests, made once by `openssl`.
struct TestCertificates: Sendable {
    let folder: URL

    static let made = Task { try await TestCertificates() }

    /// The path of a file.
    subscript(name: String) -> String { folder.appending(path: name).path }

    func server(_ name: String, clientAuthority: String? = nil) -> FakeTLS.Identity {
        FakeTLS.Identity(
            certificate: self["\(name).pem"], key: self["\(name).key"],
            clientAuthority: clientAuthority.map { self["\($0).pem"] })
    }

    private init() async throws {
        folder = try TestFolder.make("certificates")
        for authority in ["authority", "stranger"] {
            try await openssl(
                ["req", "-x509"] + newKey(authority) + ["-out", self["\(authority).pem"], "-days", "2"],
                ["-subj", "/CN=\(authority)", "-addext", "keyUsage=critical,keyCertSign"])
        }
        try await issue("server", names: "DNS:localhost,IP:127.0.0.1,IP:::1")
        try await issue("expired", names: "DNS:localhost,IP:127.0.0.1", days: -1)
        try await issue("elsewhere", names: "DNS:graph.example,IP:192.0.2.1")
        try await issue("client", names: "DNS:somebody")
        try await openssl(
            ["ec", "-in", self["client.key"], "-out", self["locked.key"]], ["-aes128", "-passout", "pass:s3cret"])
    }

    private func issue(_ name: String, names: String, days: Int = 2) async throws {
        let request = self["\(name).csr"]
        try await openssl(
            ["req"] + newKey(name) + ["-out", request], ["-subj", "/CN=\(name)", "-addext", "subjectAltName=\(names)"])
        try await openssl(
            ["x509", "-req", "-in", request, "-out", self["\(name).pem"], "-days", "\(days)", "-CAcreateserial"],
            ["-CA", self["authority.pem"], "-CAkey", self["authority.key"], "-copy_extensions", "copyall"])
    }

    private func newKey(_ name: String) -> [String] {
        ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self["\(name).key"]]
    }

    private func openssl(_ arguments: [String], _ more: [String]) async throws {
        try await ChildProcess.run(["openssl"] + arguments + more)
    }
}
