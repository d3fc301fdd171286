// Part of Lockstep. See LICENSE.

internal import CLibPQ

/// One `PGresult`, cleared exactly once by its only owner.
@safe struct ResultHandle: ~Copyable {
    private let result: OpaquePointer

    /// Takes the result over.
    init(_ result: OpaquePointer) { unsafe self.result = unsafe result }

    deinit { unsafe PQclear(result) }

    var status: ExecStatusType { unsafe PQresultStatus(result) }
    var rowCount: Int32 { unsafe PQntuples(result) }

    var columnNames: [String] {
        (0..<(unsafe PQnfields(result))).map { column in
            unsafe PQfname(result, column).map { unsafe String(cString: $0) } ?? ""
        }
    }

    /// The columns as the server announces them.
    var columns: [ResultColumn] {
        let names = columnNames
        return names.indices.map { index in
            let column = Int32(index)
            return ResultColumn(
                name: names[index], type: OID(rawValue: unsafe PQftype(result, column)),
                typeModifier: unsafe PQfmod(result, column))
        }
    }

    /// One value in text format; nil is NULL.
    func text(row: Int32, column: Int32) -> String? {
        if unsafe PQgetisnull(result, row, column) != 0 { return nil }
        guard let start = unsafe PQgetvalue(result, row, column) else { return nil }
        let bytes = unsafe UnsafeRawBufferPointer(start: start, count: Int(PQgetlength(result, row, column)))
        return unsafe String(decoding: bytes, as: UTF8.self)
    }

    /// The error that the server reported, in its parts.
    func error(server: String) -> PostgresError {
        func field(_ code: UnicodeScalar) -> String? {
            unsafe PQresultErrorField(result, Int32(code.value)).map { unsafe String(cString: $0) }
        }
        let message = field("M") ?? (unsafe PQresultErrorMessage(result).map { unsafe String(cString: $0) }) ?? "?"
        guard let sqlState = field("C") else {
            return PostgresError(.closed, ServerText.oneLine(message), server: server)
        }
        var error = PostgresError(
            sqlState: sqlState, message: message, detail: field("D"), hint: field("H"), server: server)
        error.position = field("P").flatMap { Int($0) }
        return error
    }
}
