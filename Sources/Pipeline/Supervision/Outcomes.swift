// Part of Lockstep. See LICENSE.

/// Runs `body` and gives its outcome as a value, which task groups can carry with its typed error.
func result<Value>(_ body: () async throws(PipelineError) -> Value) async -> Result<Value, PipelineError> {
    do throws(PipelineError) { return .success(try await body()) } catch { return .failure(error) }
}

extension [Result<Void, PipelineError>] {
    /// Throws the first failure that is a cause: a part that was stopped, because another one failed or because somebody asked
    /// for the stop, is none, whichever of them ended first.
    func throwCause() throws(PipelineError) {
        for outcome in self {
            if case .failure(let error) = outcome, error.what != "stopped" { throw error }
        }
    }
}
