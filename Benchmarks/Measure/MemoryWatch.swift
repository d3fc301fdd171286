// Part of Lockstep. See LICENSE.

/// Resident memory of a process while it works.
struct MemoryWatch {
    private let process: String
    private let before: Double?
    private let peakBefore: Double?
    private var resident: [Double] = []

    init(_ process: Int32) {
        self.process = "\(process)"
        before = Usage.residentMegabytes(of: self.process)
        peakBefore = Usage.peakMegabytes(of: self.process)
    }

    mutating func look() {
        if let now = Usage.residentMegabytes(of: process) { resident.append(now) }
    }

    /// - Parameter goal: Megabytes.
    func text(goal: Int) -> String {
        """
          before          \(text(before)) MB (peak until then: \(text(peakBefore)) MB)
          meanwhile       \(Samples(resident).text(1, "MB"))
          peak            \(text(Usage.peakMegabytes(of: process))) MB   (goal: \(goal))
        """
    }

    private func text(_ megabytes: Double?) -> String { megabytes.map { fixed($0, 1) } ?? "?" }
}
