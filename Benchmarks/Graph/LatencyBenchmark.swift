// Part of Lockstep. See LICENSE.
struct LatencyBenchmark {
    init(_ options: Options) throws {}
    func run() async throws {}
}
