import type { GateSample } from '../../decisions/gate/types.ts';
import type { LookState } from '../../store/gates.ts';
import type { System } from '../health/system.ts';
import type { Traffic } from '../traffic.ts';

/** Figures of the traffic are written down within this; asked of earlier, a part of them would never be counted. */
const WRITTEN_DOWN_MS = 1_500;

export const firstLook = (atMs: number): LookState => ({
  clientsToMs: atMs - WRITTEN_DOWN_MS,
  acknowledged: 0,
  failed: 0,
});

/**
 * One look of a gate at an environment: invariants, figures by node, and the clients, whose counters go on from the
 * look before. Clients are told of up to a moment ago. Where the traffic did not run since the last look they
 * are left out: nobody watched. All are asked at once, since a look that takes longer than a gap is not watching; what
 * was read, or was not, of a node that is waived as dead is then left out.
 *
 * @param rolled the nodes that were changed
 */
export async function lookForGate(
  { system, traffic }: { system: Pick<System, 'look' | 'gateFigures'>; traffic: Pick<Traffic, 'observed' | 'between'> },
  state: LookState,
  rolled: string[] = [],
): Promise<{ sample: GateSample; state: LookState }> {
  const atMs = Date.now();
  const toMs = atMs - WRITTEN_DOWN_MS;
  const [seen, nodes, clients] = await Promise.all([
    system.look(rolled),
    system.gateFigures(),
    traffic.observed ? traffic.between(state.clientsToMs, toMs) : undefined,
  ]);
  const { unread, offline, underMinIsr, underReplicated, leftOut } = seen;
  const sample: GateSample = {
    atMs,
    unread: [...unread],
    ...(leftOut && { leftOut }),
    invariants: { crashed: [], offline, underMinIsr, underReplicated },
    nodes: {},
  };
  for (const [node, figures] of Object.entries(nodes)) {
    if (leftOut?.includes(node)) continue;
    if (figures === 'unread') sample.unread.push(`the gate's figures of ${node}`);
    else sample.nodes[node] = figures;
  }
  // Not counted up to here: a second that was written down late is counted next time.
  if (!clients || clients.seconds === 0) return { sample, state };
  const next: LookState = {
    clientsToMs: toMs,
    acknowledged: state.acknowledged + clients.acknowledged,
    failed: state.failed + clients.errors + clients.timeouts,
    movedBack: (state.movedBack ?? 0) + clients.offsetsMovedBack,
  };
  sample.clients = {
    acknowledged: next.acknowledged,
    failed: next.failed,
    unwritableMs: clients.longestUnwritableMs,
    stuckPartitions: clients.stuckPartitions,
    offsetsMovedBack: next.movedBack ?? 0,
    ...(clients.p50Ms !== undefined && { p50Ms: clients.p50Ms }),
  };
  return { sample, state: next };
}
