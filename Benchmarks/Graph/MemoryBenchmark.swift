// Part of Lockstep. See LICENSE.
struct MemoryBenchmark {
    init(_ options: Options) throws {}
    func run() async throws {}
}
