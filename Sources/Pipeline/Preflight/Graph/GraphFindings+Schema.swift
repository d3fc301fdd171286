// Part of Lockstep. See LICENSE.

internal import Mapping

// The indexes and constraints that the mapping file's `schema` asks for.
extension GraphFindings {
    static func requested(_ facts: GraphFacts) -> [PreflightFinding] {
        var findings = facts.unfinished.failed.map { failed in
            PreflightFinding(
                .error, .graph, "the index \(failed.name) failed: \(failed.reason)",
                fix: "\(SchemaItem.dropStatement(failed.name, isIndex: true)); then `lockstep setup` makes it anew")
        }
        findings += facts.unfinished.populating.map { index in
            PreflightFinding(.note, .graph, "the index \(index.name) is being built: \(Int(index.percent)) %")
        }
        for step in facts.schemaSteps where step.action == .refuse {
            findings.append(
                PreflightFinding(
                    step.isLacking ? .warning : .error, .graph,
                    "the \(step.what) cannot be made: \(step.reason ?? "")", fix: step.fix))
        }
        let words: [(SchemaStep.Action, String)] = [
            (.create, "made"), (.change, "dropped and made anew"), (.drop, "dropped: the mapping names them no more"),
        ]
        for (action, what) in words {
            let steps = facts.schemaSteps.filter { $0.action == action }
            guard !steps.isEmpty else { continue }
            let list = steps.map { "\($0.what) (\($0.name)\($0.reason.map { ": " + $0 } ?? ""))" }.listed
            findings.append(PreflightFinding(.note, .graph, "`lockstep run` has these \(what): \(list)"))
        }
        return findings
    }
}
