// Part of Lockstep. See LICENSE.

internal import COpenSSL
internal import Threading

/// TLS over a socket that never blocks: the same reads and writes, encrypted.
///
/// OpenSSL calls the socket itself, through a `BIO` of ours: its own would raise SIGPIPE.
@safe final class TLSStream {
    enum Progress: Equatable {
        case done
        /// To be called again when the descriptor is ready for this.
        case waiting(PollEvents)
    }

    private let context: TLSContext
    private let session: OpaquePointer
    private let carrier: Carrier
    private let host: String
    private let checksCertificate: Bool

    /// The last read was not the last one that the bytes that have arrived are good for.
    private(set) var hasMoreToRead = false
    /// What a read waits for: TLS sometimes has to write first.
    private(set) var readWaitsFor = PollEvents.readable

    var descriptor: Int32 { carrier.socket.descriptor }

    /// - Parameter host: Whom the certificate has to name, and the server is told we want.
    init(_ socket: consuming TCPSocket, host: String, settings: BoltTLS) throws(TLSFailure) {
        context = try TLSContext(settings)
        unsafe session = try context.makeSession()
        carrier = Carrier(socket)
        // A zone belongs to this machine's view of an address, and a final dot to its view of a name.
        var name = host.prefix { $0 != "%" }
        if name.last == "." { name = name.dropLast() }
        self.host = String(name)
        checksCertificate = settings.trust != .anybody
        let bio = unsafe BIO_new(Carrier.method)
        unsafe BIO_set_data(bio, Unmanaged.passUnretained(carrier).toOpaque())
        unsafe BIO_set_init(bio, 1)
        // The session owns the BIO from here on; reading and writing share it.
        unsafe SSL_set_bio(session, bio, bio)
        unsafe SSL_set_connect_state(session)
        let parameters = unsafe SSL_get0_param(session)
        if unsafe X509_VERIFY_PARAM_set1_ip_asc(parameters, self.host) != 1 {
            ERR_clear_error()
            unsafe SSL_set1_host(session, self.host)
            unsafe copenssl_set_host_name(session, self.host)
        }
    }

    deinit { unsafe SSL_free(session) }

    func close() {
        if descriptor >= 0, unsafe SSL_is_init_finished(session) == 1 {
            ERR_clear_error()
            unsafe SSL_shutdown(session)
        }
        carrier.socket.close()
    }

    /// Goes on with the handshake as far as it goes without waiting.
    func handshake() throws(TLSFailure) -> Progress {
        ERR_clear_error()
        let status = unsafe SSL_do_handshake(session)
        if status == 1 { return .done }
        switch unsafe SSL_get_error(session, status) {
        case SSL_ERROR_WANT_READ:
            // OpenSSL waits for five bytes before it judges them; a Bolt server answers with four.
            if let failure = foreignServer { throw failure }
            return .waiting(.readable)
        case SSL_ERROR_WANT_WRITE: return .waiting(.writable)
        default: throw handshakeFailure()
        }
    }

    func receive(into room: UnsafeMutableRawBufferPointer) -> TCPSocket.Outcome {
        ERR_clear_error()
        let count = unsafe SSL_read(session, room.baseAddress, Int32(clamping: room.count))
        hasMoreToRead = count > 0
        readWaitsFor = .readable
        if count > 0 { return .bytes(Int(count)) }
        return outcome(of: count) { readWaitsFor = .writable }
    }

    func send(_ bytes: RawSpan) -> TCPSocket.Outcome {
        guard bytes.byteCount > 0 else { return .bytes(0) }
        ERR_clear_error()
        let count = unsafe bytes.withUnsafeBytes { buffer in
            unsafe SSL_write(session, buffer.baseAddress, Int32(clamping: buffer.count))
        }
        if count > 0 { return .bytes(Int(count)) }
        return outcome(of: count) {}
    }

    private func outcome(of status: Int32, wantsToWrite: () -> Void) -> TCPSocket.Outcome {
        switch unsafe SSL_get_error(session, status) {
        case SSL_ERROR_WANT_READ: return .wouldBlock
        case SSL_ERROR_WANT_WRITE:
            wantsToWrite()
            return .wouldBlock
        case SSL_ERROR_ZERO_RETURN: return .end
        default:
            let reason = copenssl_tls_reason(ERR_peek_error())
            if reason != 0 && reason != SSL_R_UNEXPECTED_EOF_WHILE_READING { return .refused(failure(reason)) }
            return carrier.ending ?? .end
        }
    }

    // MARK: Failures

    /// What the server's first bytes say where they are not TLS.
    private var foreignServer: TLSFailure? {
        // Records of the handshake, and of alerts.
        guard let first = carrier.firstBytes.first, first != 0x16, first != 0x15 else { return nil }
        if carrier.firstBytes.starts(with: "HTTP".utf8) {
            return TLSFailure(
                fault: .http,
                message: "the port speaks HTTP; Bolt has a port of its own, usually \(BoltConfiguration.defaultPort)")
        }
        return TLSFailure(
            fault: .notTLS, message: "the server does not speak TLS on this port; is it to be bolt:// without +s?")
    }

    private func handshakeFailure() -> TLSFailure {
        if let foreignServer { return foreignServer }
        let verdict = unsafe SSL_get_verify_result(session)
        if checksCertificate && verdict != Int(X509_V_OK) { return certificateFailure(Int32(verdict)) }
        let reason = copenssl_tls_reason(ERR_peek_error())
        if reason != 0 && reason != SSL_R_UNEXPECTED_EOF_WHILE_READING { return failure(reason) }
        if case .failed(let code) = carrier.ending {
            return TLSFailure(
                fault: carrier.firstBytes.isEmpty ? .notTLS : .other,
                message: "the connection was lost before it was encrypted: \(errorText(code)); does the port speak TLS?"
            )
        }
        return TLSFailure(
            fault: carrier.firstBytes.isEmpty ? .notTLS : .other,
            message: "the server closed the connection before it was encrypted; does the port speak TLS?")
    }

    private func certificateFailure(_ verdict: Int32) -> TLSFailure {
        let words = unsafe String(cString: X509_verify_cert_error_string(Int(verdict)))
        switch verdict {
        case X509_V_ERR_CERT_HAS_EXPIRED:
            return TLSFailure(fault: .expired, message: "the server's certificate has expired")
        case X509_V_ERR_CERT_NOT_YET_VALID:
            return TLSFailure(
                fault: .notYetValid, message: "the server's certificate is not valid yet; is a clock wrong?")
        case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH:
            return TLSFailure(
                fault: .wrongHost,
                message: "the server's certificate is not for '\(host)'; connect by a name that it lists")
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
            X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
            X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
            return TLSFailure(
                fault: .unknownAuthority,
                message: "the server's certificate is signed by nobody who is trusted (\(words)); "
                    + "name its authority's certificate, or use +ssc to trust any")
        default:
            return TLSFailure(fault: .badCertificate, message: "the server's certificate is refused: \(words)")
        }
    }

    private func failure(_ reason: Int32) -> TLSFailure {
        let words = TLSContext.lastError()
        switch reason {
        case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_NO_PROTOCOLS_AVAILABLE,
            SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE, SSL_R_NO_SHARED_CIPHER, SSL_R_TLSV1_ALERT_INSUFFICIENT_SECURITY,
            SSL_R_WRONG_SSL_VERSION:
            return TLSFailure(
                fault: .nothingInCommon,
                message: "the server and this side have no version of TLS, or no cipher, in common (\(words)); "
                    + "TLS 1.2 or later is needed")
        case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, SSL_R_SSLV3_ALERT_BAD_CERTIFICATE,
            SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, SSL_R_TLSV1_ALERT_UNKNOWN_CA,
            SSL_R_SSLV3_ALERT_NO_CERTIFICATE, SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE,
            SSL_R_TLSV1_ALERT_ACCESS_DENIED:
            return TLSFailure(
                fault: .clientCertificate, message: "the server does not accept this client's certificate (\(words))")
        default: return TLSFailure(fault: .other, message: "TLS with the server failed: \(words)")
        }
    }
}

/// What OpenSSL's `BIO` stands on: the socket, and what was seen of it.
private final class Carrier {
    let socket: TCPSocket
    /// The first bytes the server sent: they tell what it speaks, if not TLS.
    private(set) var firstBytes: [UInt8] = []
    /// How the socket ended; nil while it works.
    private(set) var ending: TCPSocket.Outcome?

    init(_ socket: consuming TCPSocket) { self.socket = socket }

    func read(_ bio: OpaquePointer, _ room: UnsafeMutableRawBufferPointer) -> Int32 {
        unsafe copenssl_clear_retry(bio)
        switch unsafe socket.receive(into: room) {
        case .bytes(let count):
            if firstBytes.count < 5 { unsafe firstBytes += room.prefix(min(count, 5 - firstBytes.count)) }
            return Int32(count)
        case .wouldBlock:
            unsafe copenssl_set_retry_read(bio)
            return -1
        case let outcome:
            ending = outcome
            return outcome == .end ? 0 : -1
        }
    }

    func write(_ bio: OpaquePointer, _ bytes: UnsafeRawBufferPointer) -> Int32 {
        unsafe copenssl_clear_retry(bio)
        switch unsafe socket.send(bytes.bytes) {
        case .bytes(let count): return Int32(count)
        case .wouldBlock:
            unsafe copenssl_set_retry_write(bio)
            return -1
        case let outcome:
            ending = outcome
            return -1
        }
    }

    /// The callbacks; made once, never freed, and not changed after.
    nonisolated(unsafe) static let method: OpaquePointer? = {
        let method = unsafe BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "swift-bolt")
        unsafe BIO_meth_set_read(method, readFromSocket)
        unsafe BIO_meth_set_write(method, writeToSocket)
        unsafe BIO_meth_set_ctrl(method, control)
        return unsafe method
    }()

    /// The carrier outlives the BIO: the stream holds it and frees the session, and the BIO with it, first.
    static func of(_ bio: OpaquePointer) -> Carrier? {
        guard let data = unsafe BIO_get_data(bio) else { return nil }
        return unsafe Unmanaged<Carrier>.fromOpaque(data).takeUnretainedValue()
    }
}

private let readFromSocket: @convention(c) (OpaquePointer?, UnsafeMutablePointer<CChar>?, Int32) -> Int32 = {
    bio, room, size in
    guard let bio = unsafe bio, let carrier = unsafe Carrier.of(bio), let room = unsafe room, size > 0 else {
        return -1
    }
    return unsafe carrier.read(bio, UnsafeMutableRawBufferPointer(start: room, count: Int(size)))
}

private let writeToSocket: @convention(c) (OpaquePointer?, UnsafePointer<CChar>?, Int32) -> Int32 = {
    bio, bytes, size in
    guard let bio = unsafe bio, let carrier = unsafe Carrier.of(bio), let bytes = unsafe bytes, size > 0 else {
        return -1
    }
    return unsafe carrier.write(bio, UnsafeRawBufferPointer(start: bytes, count: Int(size)))
}

/// Nothing is kept back, so there is nothing to flush, which has to be said.
private let control: @convention(c) (OpaquePointer?, Int32, Int, UnsafeMutableRawPointer?) -> Int = {
    _, command, _, _ in
    Int(copenssl_is_flush(command))
}
