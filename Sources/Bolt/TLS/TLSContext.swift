// Part of Lockstep. See LICENSE.

internal import COpenSSL

/// What went wrong with TLS, before it is known on which connection.
struct TLSFailure: Error, Hashable {
    let fault: BoltTLSFault
    let message: String
}

/// An `SSL_CTX`: settings made ready, freed once.
@safe final class TLSContext {
    private let context: OpaquePointer

    init(_ settings: BoltTLS) throws(TLSFailure) {
        ERR_clear_error()
        guard let context = unsafe SSL_CTX_new(TLS_client_method()) else {
            throw TLSFailure(fault: .other, message: "OpenSSL cannot be used: \(Self.lastError())")
        }
        unsafe self.context = context
        unsafe copenssl_set_oldest_version_1_2(context)
        unsafe copenssl_allow_moving_partial_writes(context)
        unsafe copenssl_set_client_options(context)
        try trust(settings.trust)
        if let certificate = settings.clientCertificate { try present(certificate) }
    }

    deinit { unsafe SSL_CTX_free(context) }

    /// - Returns: An `SSL`, which the caller frees.
    func makeSession() throws(TLSFailure) -> OpaquePointer {
        guard let session = unsafe SSL_new(context) else {
            throw TLSFailure(fault: .other, message: "OpenSSL cannot be used: \(Self.lastError())")
        }
        return unsafe session
    }

    private func trust(_ trust: BoltTLS.Trust) throws(TLSFailure) {
        switch trust {
        case .anybody:
            unsafe SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nil)
            return
        case .system: unsafe SSL_CTX_set_default_verify_paths(context)
        case .authorities(let files):
            for file in files where unsafe SSL_CTX_load_verify_locations(context, file, nil) != 1 {
                throw Self.badFile("the authorities' certificates", file)
            }
        }
        unsafe SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
    }

    private func present(_ certificate: BoltTLS.ClientCertificate) throws(TLSFailure) {
        guard unsafe SSL_CTX_use_certificate_chain_file(context, certificate.file) == 1 else {
            throw Self.badFile("the client's certificate", certificate.file)
        }
        // The box lives until the key was read; without a password OpenSSL would ask at the terminal.
        let box = PasswordBox(certificate.keyPassword)
        unsafe SSL_CTX_set_default_passwd_cb(context, givePassword)
        unsafe SSL_CTX_set_default_passwd_cb_userdata(context, Unmanaged.passUnretained(box).toOpaque())
        let isRead = withExtendedLifetime(box) {
            unsafe SSL_CTX_use_PrivateKey_file(context, certificate.keyFile, SSL_FILETYPE_PEM) == 1
        }
        unsafe SSL_CTX_set_default_passwd_cb_userdata(context, nil)
        guard isRead else { throw Self.badFile("the key of the client's certificate", certificate.keyFile) }
    }

    private static func badFile(_ what: String, _ file: String) -> TLSFailure {
        TLSFailure(fault: .badFile, message: "\(what) cannot be taken from \(file): \(lastError())")
    }

    /// The oldest error in this thread's queue, in words; empties the queue.
    static func lastError() -> String {
        let code = ERR_get_error()
        ERR_clear_error()
        guard code != 0 else { return "no reason was given" }
        if let reason = unsafe ERR_reason_error_string(code) { return unsafe String(cString: reason) }
        return "error \(code)"
    }
}

private final class PasswordBox {
    let password: BoltSecret?
    init(_ password: BoltSecret?) { self.password = password }
}

private let givePassword:
    @convention(c) (UnsafeMutablePointer<CChar>?, Int32, Int32, UnsafeMutableRawPointer?) -> Int32 =
        { room, size, _, data in
            guard let room = unsafe room, let data = unsafe data else { return 0 }
            let password = unsafe Unmanaged<PasswordBox>.fromOpaque(data).takeUnretainedValue().password
            guard let bytes = password?.reveal().utf8, bytes.count <= size else { return 0 }
            for (index, byte) in bytes.enumerated() { unsafe room[index] = CChar(bitPattern: byte) }
            return Int32(bytes.count)
        }
