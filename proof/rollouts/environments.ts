import { CLIENTS_JAR } from '../../test/environment/small-kafka.ts';

export const SERVER_COMMON_JAR = 'kafka-server-common-3.6.2.jar';
export const CLIENTS = 'kafka-clients.jar';
export const SERVER_COMMON = 'kafka-server-common.jar';

/** The gates as they come: nothing here is tuned. */
const STAGING = {
  system: 'kafka',
  provision: { combined: 3 },
  library: 'kafka-3.6.2',
  artifacts: { [CLIENTS]: CLIENTS_JAR },
  initial: 'library',
  gates: { profile: 'compressed', laterBakeSeconds: 8 },
  rollout: { returnSeconds: 60, inSyncSeconds: 60, stopGraceSeconds: 20, blockedSeconds: 60 },
};

/**
 * `levels`: its brokers begin with an artifact that knows no `metadata.version` above 3.6-IV1 (K17), somebody looked
 * which clients connect (K2), and it is watched after the last wave.
 */
export const ENVIRONMENTS = {
  staging: STAGING,
  levels: {
    ...STAGING,
    artifacts: { [CLIENTS]: CLIENTS_JAR, [SERVER_COMMON]: SERVER_COMMON_JAR },
    gates: { ...STAGING.gates, bakeSeconds: 10, watchSeconds: 90 },
    rollout: { ...STAGING.rollout, metadataVersion: '3.6-IV1', oldestClient: '2.1' },
  },
};

export type EnvironmentName = keyof typeof ENVIRONMENTS;
