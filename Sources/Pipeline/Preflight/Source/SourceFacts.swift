// Part of Lockstep. See LICENSE.

internal import Capture
internal import PostgreSQL

/// What PostgreSQL says of itself, as far as a pipeline depends on it. Pure data; read by ``SourceInspection``.
struct SourceFacts: Sendable {
    /// `server_version_num`.
    var version: Int
    /// `server_version`, as people write it.
    var versionText = ""
    var database: String
    var role: Role
    var isStandby = false
    /// `server_encoding`.
    var encoding = "UTF8"
    var isEncrypted = false
    var settings = Settings()
    var slotsInUse = 0
    var sendersInUse = 0
    var slot: ReplicationSlot?
    var slotReader: SlotReader?
    var publication: PublicationFacts?
    /// What PostgreSQL makes of the mapping's row filters.
    var filters = FilterProbe.Outcome()
    /// Every relation that the mapping names and the database has.
    var tables: [QualifiedName: TableFacts] = [:]
    var systemIdentifier: String?

    /// Who is logged in.
    struct Role: Sendable {
        var name: String
        var isSuperuser = false
        /// By its REPLICATION attribute or, where the provider has one, a role that stands for it.
        var mayReplicate = false
        /// The provider's role that stands for REPLICATION, where there is one: `rds_replication`.
        var replicationRole: String?
        /// CREATE on the database.
        var mayCreateInDatabase = false

        init(name: String) { self.name = name }
    }

    /// `pg_settings`, in the units that it has there.
    struct Settings: Sendable {
        var walLevel = "logical"
        var replicationSlotsMax = 10
        var walSendersMax = 10
        /// Megabytes; -1 for no bound.
        var slotWALKeepMegabytes = -1
        /// 0 for never.
        var walSenderTimeoutMilliseconds = 60_000
    }

    /// The session that reads from the slot.
    struct SlotReader: Sendable {
        var pid: Int32
        /// Empty where the role may not see it.
        var application: String
        var address: String?
    }

    struct PublicationFacts: Sendable {
        var publication: Publication
        var owner: String
        /// The role is the owner, or a member of it.
        var isOwned: Bool
    }

    struct TableFacts: Sendable {
        enum Kind: String, Sendable {
            case table = "r"
            case partitionedTable = "p"
            case view = "v"
            case materializedView = "m"
            case foreignTable = "f"
            case other = ""
        }

        var kind: Kind = .table
        /// `relpersistence`: p, u or t.
        var isLogged = true
        var isPartition = false
        var owner: String
        /// The role is the owner, or a member of it.
        var isOwned = false
        var hasSchemaUsage = true
        /// Columns that the role may not read.
        var unreadable: Set<String> = []
        /// Policies hide rows from the role.
        var hasActivePolicies = false

        init(owner: String) { self.owner = owner }
    }
}
