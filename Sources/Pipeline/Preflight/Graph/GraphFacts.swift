// Part of Lockstep. See LICENSE.

internal import Apply
internal import Bolt
internal import Mapping

/// What the graph says of itself, as far as a pipeline depends on it. Pure data; read by ``GraphInspection``.
struct GraphFacts: Sendable {
    enum Product: Sendable, Equatable {
        case neo4j
        case arcadeDB
        /// Speaks Bolt, and Lockstep was never tried with it.
        case other(String)
    }

    var product: Product
    /// For instance `[5, 26, 31]`; empty where the server does not say.
    var release: [Int] = []
    /// Why nothing can be written.
    var writeFailure: BoltError?
    /// Why no constraint can be made; tried only where one is missing and the attempt can be undone.
    var schemaFailure: BoltError?
    /// Nil where it could not be read.
    var schema: GraphSchema?
    /// Zones of the mapping that the server does not know.
    var unknownZones: [String] = []
    /// Statements of somebody's own that it does not take.
    var refusedCypher: [RefusedCypher] = []
    /// What the file's `schema` means for it, and its indexes that cannot be used yet.
    var schemaSteps: [SchemaStep] = []
    var unfinished = SchemaWork.Unfinished()
    /// What it has of views.
    var views: [ViewState] = []
    var checkpoint: Checkpoint?
    var hasReadCheckpoint = false
    /// Names of other pipelines that have a checkpoint in this graph.
    var otherPipelines: [String] = []
    /// Mapped labels that nodes have; looked for only where it matters.
    var populatedLabels: Set<String> = []
    /// Of those, the ones with two nodes of the same key, which have no constraint yet.
    var labelsWithDuplicates: Set<String> = []
    /// Names of relationship types and labels in use; read only on ArcadeDB.
    var typesInUse: Set<String> = []
    var labelsInUse: Set<String> = []

    init(product: Product) { self.product = product }

    var state: GraphState { hasReadCheckpoint ? GraphState(checkpoint) : .unknown }
}
