// Part of Lockstep. See LICENSE.

extension BoltDriver {
    /// Asks a server whether it takes credentials.
    ///
    /// - Parameter auth: Nil for the driver's own. Others need Bolt 5.1.
    /// - Returns: False where it does not, or no longer does.
    public func verifyAuthentication(_ auth: BoltAuth? = nil) async throws(BoltError) -> Bool {
        var need = anywhere
        need.auth = auth
        need.login = login(auth)
        need.login.isForced = true
        do throws(BoltError) {
            await pool.release(try await connections.acquire(need).link)
            return true
        } catch {
            switch error.code {
            case "Neo.ClientError.Security.CredentialsExpired", "Neo.ClientError.Security.Forbidden",
                "Neo.ClientError.Security.TokenExpired", "Neo.ClientError.Security.Unauthorized":
                return false
            default: throw error
            }
        }
    }

    /// Whether sessions may have credentials of their own, which needs Bolt 5.1.
    public func supportsSessionAuth() async throws(BoltError) -> Bool {
        let link = try await connections.acquire(anywhere).link
        let server = await link.server
        await pool.release(link)
        return server?.version.hasLogon ?? false
    }

    /// Every member of a cluster has the system database, whatever there is besides.
    private var anywhere: ConnectionNeed { need("system") }

    /// - Parameter auth: Nil for the driver's.
    func login(_ auth: BoltAuth?) -> BoltLogin {
        if let auth { return BoltLogin(manager: BoltFixedAuth(auth), isSessions: true) }
        return BoltLogin(manager: settings.authManager ?? BoltFixedAuth(settings.connection.credentials))
    }
}
