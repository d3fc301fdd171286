// Part of Lockstep. See LICENSE.

/// What the driver can do, in the suite's words; only what its tests show.
let features: [JSON] = [
    "Feature:Bolt:4.2", "Feature:Bolt:4.3", "Feature:Bolt:4.4", "Feature:Bolt:5.0", "Feature:Bolt:5.1",
    "Feature:Bolt:5.2", "Feature:Bolt:5.3", "Feature:Bolt:5.4", "Feature:Bolt:5.6", "Feature:Bolt:5.7",
    "Feature:Bolt:Patch:UTC",
    // The driver.
    "Feature:API:BookmarkManager", "Feature:API:ConnectionAcquisitionTimeout", "Feature:API:Driver.IsEncrypted",
    "Feature:API:Driver.ExecuteQuery", "Feature:API:Driver.ExecuteQuery:WithAuth",
    "Feature:API:Driver.SupportsSessionAuth", "Feature:API:Driver.VerifyAuthentication",
    "Feature:API:Driver.VerifyConnectivity", "Feature:API:Driver:GetServerInfo",
    "Feature:API:Driver:NotificationsConfig", "Feature:API:Liveness.Check", "Feature:API:RetryableExceptions",
    "Feature:API:Summary:GqlStatusObjects",
    // Sessions, results, values.
    "Feature:API:Session:AuthConfig", "Feature:API:Session:NotificationsConfig", "Feature:API:Result.List",
    "Feature:API:Result.Peek", "Feature:API:Result.Single", "Feature:API:Result.SingleOptional",
    "Feature:API:Type.Spatial", "Feature:API:Type.Temporal", "Feature:Impersonation",
    // Credentials and TLS.
    "Feature:Auth:Bearer", "Feature:Auth:Custom", "Feature:Auth:Kerberos", "Feature:Auth:Managed",
    "Feature:API:SSLClientCertificate", "Feature:API:SSLConfig", "Feature:API:SSLSchemes", "Feature:TLS:1.2",
    "Feature:TLS:1.3",
    // Messages that are saved.
    "AuthorizationExpiredTreatment", "Optimization:AuthPipelining", "Optimization:ConnectionReuse",
    "Optimization:EagerTransactionBegin", "Optimization:ExecuteQueryPipelining",
    "Optimization:ImplicitDefaultArguments", "Optimization:MinimalBookmarksSet",
    "Optimization:MinimalResets", "Optimization:PullPipelining", "Optimization:ResultListFetchAll",
    "ConfHint:connection.recv_timeout_seconds",
    // This program.
    "Backend:MockTime", "Backend:RTFetch", "Backend:RTForceUpdate",
]
