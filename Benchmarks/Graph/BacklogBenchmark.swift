// Part of Lockstep. See LICENSE.
struct BacklogBenchmark {
    init(_ options: Options) throws {}
    func run() async throws {}
}
