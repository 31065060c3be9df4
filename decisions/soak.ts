/** Client figures over some seconds that were observed. */
export type ClientFigures = {
  seconds: number;
  acknowledged: number;
  errors: number;
  timeouts: number;
  /** Undefined where nothing was acknowledged. */
  p50Ms?: number | undefined;
  p99Ms?: number | undefined;
  /** The longest that one partition took no record. */
  longestUnwritableMs: number;
};

/** One look at a system while it soaks: names of what is wrong, and what clients saw since the last look. */
export type SoakSample = {
  atMs: number;
  /** Nodes and things that could not be read. */
  unread: string[];
  /** Nodes that do not run, or were restarted. */
  down: string[];
  offline: string[];
  underMinIsr: string[];
  underReplicated: string[];
  clients?: ClientFigures;
};

export type SoakRules = {
  soakSeconds: number;
  warmUpSeconds: number;
  underReplicatedSeconds: number;
  errorShare: number;
  slowFactor: number;
  slowFloorMs: number;
  slowSeconds: number;
};

/** What was observed so far; it survives a killed worker, so that observed time is not observed again. */
export type SoakState = {
  startedAtMs: number;
  lastAtMs: number;
  observedMs: number;
  samples: number;
  unreadSamples: number;
  underReplicatedSince: Record<string, number>;
  /** Since when every sample was slow. */
  slowSinceMs?: number | undefined;
  /** Samples in a row in which too many requests failed. */
  failing: number;
  acknowledged: number;
  errors: number;
  worstP99Ms: number;
  worstUnwritableMs: number;
  worst: string[];
};

export type SoakVerdict =
  | { kind: 'pass' }
  | { kind: 'fail'; reasons: string[] }
  | { kind: 'inconclusive'; reasons: string[] };

/** Two in a row: one burst around an election is no verdict. */
const IN_A_ROW = 2;
/** Time that was not observed is made up for once, then the soak is inconclusive. */
const PATIENCE_FACTOR = 2;
const PATIENCE_MS = 30_000;

export function beginSoak(atMs: number): SoakState {
  return {
    startedAtMs: atMs,
    lastAtMs: atMs,
    observedMs: 0,
    samples: 0,
    unreadSamples: 0,
    underReplicatedSince: {},
    failing: 0,
    acknowledged: 0,
    errors: 0,
    worstP99Ms: 0,
    worstUnwritableMs: 0,
    worst: [],
  };
}

/**
 * Judges one more sample (first form of rollout-rules.md's tier 0 and of the client probes). Invariants fail
 * at once; client figures are compared with their own window before the roll, after warm-up, twice in a
 * row. Time in which not everything could be read is not soak. No verdict: go on.
 *
 * @param baseline undefined where the environment has no canary traffic; then invariants alone decide
 */
export function soakStep(
  state: SoakState,
  sample: SoakSample,
  rules: SoakRules,
  baseline: ClientFigures | undefined,
): { state: SoakState; verdict?: SoakVerdict } {
  const warmAtMs = state.startedAtMs + rules.warmUpSeconds * 1000;
  const warm = sample.atMs > warmAtMs;
  const blind = blindness(sample, baseline !== undefined);
  const next = observe(state, sample, { warmAtMs, blind: blind.length > 0 });
  const broken = [
    ...invariants(sample, next, rules),
    ...(warm && baseline ? probes(next, sample, rules, baseline) : []),
  ];
  const reasons = broken.flatMap(({ reason, fails }) => (fails ? [reason] : []));
  const judged = { ...next, ...probeRuns(state, broken, sample.atMs), worst: reasons };
  if (reasons.length > 0) return { state: judged, verdict: { kind: 'fail', reasons } };
  if (next.observedMs >= rules.soakSeconds * 1000) {
    if (baseline && next.acknowledged === 0) {
      return {
        state: judged,
        verdict: { kind: 'inconclusive', reasons: ['no client request was acknowledged while it soaked'] },
      };
    }
    return { state: judged, verdict: { kind: 'pass' } };
  }
  const patienceMs = (rules.warmUpSeconds + rules.soakSeconds) * 1000 * PATIENCE_FACTOR + PATIENCE_MS;
  if (sample.atMs - state.startedAtMs > patienceMs) {
    const seen = `only ${Math.round(next.observedMs / 1000)} s of ${rules.soakSeconds} s could be observed`;
    return { state: judged, verdict: { kind: 'inconclusive', reasons: [seen, ...blind] } };
  }
  return { state: judged };
}

function blindness(sample: SoakSample, hasClients: boolean): string[] {
  const blind = sample.unread.map((what) => `not read: ${what}`);
  if (hasClients && !(sample.clients && sample.clients.seconds > 0)) blind.push('not read: the canary traffic');
  return blind;
}

function observe(state: SoakState, sample: SoakSample, seen: { warmAtMs: number; blind: boolean }): SoakState {
  const watchedMs = seen.blind ? 0 : Math.max(0, sample.atMs - Math.max(state.lastAtMs, seen.warmAtMs));
  const since: Record<string, number> = {};
  for (const name of sample.underReplicated) since[name] = state.underReplicatedSince[name] ?? sample.atMs;
  const clients = sample.atMs > seen.warmAtMs ? sample.clients : undefined;
  return {
    ...state,
    lastAtMs: sample.atMs,
    observedMs: state.observedMs + watchedMs,
    samples: state.samples + 1,
    unreadSamples: state.unreadSamples + (seen.blind ? 1 : 0),
    underReplicatedSince: since,
    acknowledged: state.acknowledged + (clients?.acknowledged ?? 0),
    errors: state.errors + (clients ? clients.errors + clients.timeouts : 0),
    worstP99Ms: Math.max(state.worstP99Ms, clients?.p99Ms ?? 0),
    worstUnwritableMs: Math.max(state.worstUnwritableMs, clients?.longestUnwritableMs ?? 0),
  };
}

type Broken = { reason: string; fails: boolean; probe?: 'slow' | 'failing' };

function invariants(sample: SoakSample, state: SoakState, rules: SoakRules): Broken[] {
  const lasting = Object.entries(state.underReplicatedSince).filter(
    ([, since]) => sample.atMs - since > rules.underReplicatedSeconds * 1000,
  );
  const say = (names: string[], what: string): Broken[] =>
    names.length ? [{ reason: `${what}: ${names.slice(0, 5).join(', ')}`, fails: true }] : [];
  return [
    ...say(sample.down, 'not running as left'),
    ...say(sample.offline, 'offline'),
    ...say(sample.underMinIsr, 'under min.insync.replicas'),
    ...say(
      lasting.map(([name]) => name),
      `under-replicated for more than ${rules.underReplicatedSeconds} s`,
    ),
  ];
}

function probes(state: SoakState, { clients, atMs }: SoakSample, rules: SoakRules, baseline: ClientFigures): Broken[] {
  if (!clients || clients.seconds === 0) return [];
  const broken: Broken[] = [];
  const share = failedShare(clients);
  const allowed = failedShare(baseline) + rules.errorShare;
  if (share > allowed) {
    const reason = `${percent(share)} of client requests failed; ${percent(failedShare(baseline))} before the roll`;
    broken.push({ reason, fails: state.failing + 1 >= IN_A_ROW, probe: 'failing' });
  }
  const slow = slowness(clients, rules, baseline);
  if (slow) {
    // A pause of a collector or of this machine passes; what the candidate does stays.
    const since = state.slowSinceMs ?? atMs;
    broken.push({ reason: slow, fails: atMs - since >= rules.slowSeconds * 1000, probe: 'slow' });
  }
  return broken;
}

/**
 * Half of the requests decide, not the slowest hundredth: the tail of three brokers on a busy machine says more about
 * the machine than about the candidate. A request that hangs has no latency yet: how long a partition took nothing
 * is looked at beside it.
 */
function slowness(clients: ClientFigures, rules: SoakRules, baseline: ClientFigures): string | undefined {
  const before = baseline.p50Ms ?? 0;
  const limitMs = Math.max(rules.slowFloorMs, before * rules.slowFactor);
  const against = `${Math.round(before)} ms before the roll, ${Math.round(limitMs)} ms allowed`;
  if (clients.acknowledged === 0) return `no client request was acknowledged for ${Math.round(clients.seconds)} s`;
  if ((clients.p50Ms ?? 0) > limitMs) return `client p50 is ${Math.round(clients.p50Ms ?? 0)} ms; ${against}`;
  if (clients.longestUnwritableMs > Math.max(limitMs, rules.slowSeconds * 1000)) {
    return `a partition took no record for ${Math.round(clients.longestUnwritableMs)} ms`;
  }
  return undefined;
}

function probeRuns(before: SoakState, broken: Broken[], atMs: number): Pick<SoakState, 'slowSinceMs' | 'failing'> {
  const has = (probe: string) => broken.some((item) => item.probe === probe);
  return {
    slowSinceMs: has('slow') ? (before.slowSinceMs ?? atMs) : undefined,
    failing: has('failing') ? before.failing + 1 : 0,
  };
}

function failedShare({ acknowledged, errors, timeouts }: ClientFigures): number {
  const failed = errors + timeouts;
  return failed === 0 ? 0 : failed / (acknowledged + failed);
}

const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
