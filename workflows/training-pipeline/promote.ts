import { upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import type { EvaluationResult } from '../../contracts/activities.js';
import type { PipelineSpec } from '../../contracts/pipeline.js';
import { searchAttributes } from '../../contracts/search-attributes.js';
import type { ServedVersion } from '../../contracts/serving.js';
import { evaluateGates } from '../../ml/evaluate/gates.js';
import { isChampionChanged } from '../failure-reason.js';
import { promotion } from '../proxies.js';
import type { approvalHandlers } from './approval.js';
import { gateEvidence } from './gate-evidence.js';
import type { RunRecord } from './run-record.js';

/** A model on the test part, and the champion with which it was compared there. */
export interface Measured {
  readonly champion?: ServedVersion;
  readonly evaluation: EvaluationResult;
}

interface Candidate {
  readonly version: ServedVersion;
  readonly measured: Measured;
  readonly crossValidated?: Parameters<typeof gateEvidence>[1];
  /** Measure it anew beside the champion of the moment. */
  readonly measure: () => Promise<Measured>;
}

interface PromoteContext {
  readonly record: RunRecord;
  readonly approval: ReturnType<typeof approvalHandlers>;
  readonly publish: () => void;
}

/**
 * Promote a version that meets the gates, after somebody's approval where the pipeline asks for one. Where a gate compares with the
 * champion, another one that was promoted since (by a run beside this one) is compared with first.
 *
 * @returns a summary; the run's end is in the record
 */
export async function promote(
  spec: PipelineSpec,
  { version, measured, crossValidated, measure }: Candidate,
  { record, approval, publish }: PromoteContext,
): Promise<string> {
  const { workflowId, startTime } = workflowInfo();
  const { minHosts, hostWaitSeconds, approval: by } = spec.promotion;
  // What somebody has approved is promoted.
  const isAutomatic = by === 'automatic';
  const isFenced = isAutomatic && spec.gates.some((gate) => 'betterThan' in gate && gate.betterThan === 'champion');
  for (let { champion, evaluation } = measured, comparisons = 1; ; comparisons++) {
    const gates = evaluateGates(spec.gates, gateEvidence(evaluation.summary, crossValidated));
    record.learn({ gates });
    const failed = gates.filter((gate) => !gate.passed);
    if (failed.length > 0) {
      const reason = `Version ${version.version} was not promoted, since ${failed.length === 1 ? 'a gate is' : 'gates are'} not met: ${failed.map((gate) => gate.explanation).join('; ')}. It stays in the registry as challenger; \`anneal promote ${spec.name} ${version.version}\` promotes it all the same.`;
      record.end('rejected', Date.now(), reason);
      return 'gates not met';
    }
    if (!isAutomatic) {
      record.awaitApproval('promote');
      upsertSearchAttributes([{ key: searchAttributes.stage, value: 'awaiting-approval' }]);
      publish();
      const decision = await approval.decision();
      record.resume('promote');
      upsertSearchAttributes([{ key: searchAttributes.stage, value: 'promote' }]);
      if (!decision.approved) {
        record.end('rejected', Date.now(), `Rejected: ${decision.reason}`);
        return 'rejected';
      }
    }
    try {
      const rollout = await promotion.promoteVersion.executeWithOptions({ summary: `version ${version.version}` }, [
        {
          model: spec.name,
          // What was refused under an id is refused again.
          requestId: comparisons === 1 ? workflowId : `${workflowId}/${comparisons}`,
          version: { ...version, runStartedAtMs: startTime.getTime() },
          reason: `run ${workflowId}`,
          minHosts,
          hostWaitSeconds,
          unlessSuperseded: isAutomatic,
          ...(isFenced ? { ifChampion: champion?.version ?? null } : {}),
        },
      ]);
      record.learn({ rollout });
      for (const warning of rollout.warnings ?? []) record.warn(warning);
      record.end('promoted', Date.now());
      return `version ${rollout.version} serves on ${rollout.acknowledged.length} host${rollout.acknowledged.length === 1 ? '' : 's'}`;
    } catch (error) {
      if (!isChampionChanged(error)) throw error;
      record.explain('promote', 'another version was promoted meanwhile; compares with that');
      publish();
      ({ champion, evaluation } = await measure());
    }
  }
}
