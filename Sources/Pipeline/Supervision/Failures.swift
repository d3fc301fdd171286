// Part of Lockstep. See LICENSE.

internal import Apply
internal import Capture
internal import PostgreSQL

// Each runs a step of one module and turns its error into the pipeline's.

func postgres<Value>(_ body: () throws(PostgresError) -> Value) throws(PipelineError) -> Value {
    do throws(PostgresError) { return try body() } catch { throw PipelineError(error) }
}

func capture<Value>(_ body: () throws(CaptureError) -> Value) throws(PipelineError) -> Value {
    do throws(CaptureError) { return try body() } catch { throw PipelineError(error) }
}

func apply<Value>(_ body: () throws(ApplyError) -> Value) throws(PipelineError) -> Value {
    do throws(ApplyError) { return try body() } catch { throw PipelineError(error) }
}
