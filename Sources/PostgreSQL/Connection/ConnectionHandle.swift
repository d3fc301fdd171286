// Part of Lockstep. See LICENSE.

internal import CLibPQ

/// One `PGconn`, finished exactly once by its only owner. A closed one stays safe to call: libpq takes null.
@safe struct ConnectionHandle: ~Copyable {
    private(set) var pointer: OpaquePointer?

    /// Begins to connect; resolving the host's name is the one step that may block.
    init(_ options: [PostgresConfiguration.Option]) {
        let keywords = CStrings(options.map(\.keyword) + [nil])
        let values = CStrings(options.map(\.value) + [nil])
        unsafe pointer = PQconnectStartParams(keywords.start, values.start, 0)
        // Verbose, so that an error while connecting shows its SQLSTATE: there is no result to ask for it.
        unsafe PQsetErrorVerbosity(pointer, PQERRORS_VERBOSE)
        // Notices would go to stderr.
        unsafe PQsetNoticeReceiver(pointer, { _, _ in }, nil)
    }

    /// Says goodbye and frees.
    mutating func close() {
        unsafe PQfinish(pointer)
        unsafe pointer = nil
    }

    deinit { unsafe PQfinish(pointer) }

    var socket: Int32 { unsafe PQsocket(pointer) }
    var isGood: Bool { unsafe PQstatus(pointer) == CONNECTION_OK }
    var isClosed: Bool { unsafe pointer == nil }
    /// TLS or GSS: bytes may be decrypted already and not be seen by `poll`.
    var isEncrypted: Bool { unsafe PQsslInUse(pointer) != 0 || PQgssEncInUse(pointer) != 0 }

    /// What libpq says of the last failure.
    var errorText: String {
        unsafe PQerrorMessage(pointer).map { unsafe String(cString: $0) } ?? ""
    }

    /// `host:port/database` of the server that answered.
    var server: String? {
        guard isGood, let host = unsafe PQhost(pointer), let port = unsafe PQport(pointer),
            let database = unsafe PQdb(pointer)
        else { return nil }
        return unsafe "\(String(cString: host)):\(String(cString: port))/\(String(cString: database))"
    }
}
