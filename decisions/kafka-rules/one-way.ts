/** What a candidate may do that an older broker cannot read, by where it is written down in Kafka's sources. */
const FORMATS: readonly { what: string; paths: RegExp }[] = [
  { what: 'metadata versions', paths: /(^|\/)MetadataVersion\.java$/ },
  {
    what: 'feature levels',
    paths:
      /(^|\/)(Feature|Features|FeatureVersion|KRaftVersion|TransactionVersion|GroupVersion|ShareVersion|StreamsVersion|EligibleLeaderReplicasVersion)\.java$/,
  },
  { what: 'message schemas of requests', paths: /\/common\/message\/[^/]*(Request|Response)\.json$/ },
  { what: 'record schemas', paths: /\/common\/(message|metadata)\/[^/]*\.json$/ },
  {
    what: 'the record format',
    paths:
      /\/common\/record\/(?:internal\/)?[^/]*(Record|Batch|Records|RecordBatch|Compression|CompressionType|Utils)\.java$/,
  },
  {
    what: 'log and checkpoint formats',
    paths:
      /(^|\/)(storage|core)\/.*(Checkpoint[^/]*|[^/]*Index|[^/]*Snapshot(File)?|ProducerStateManager|LogConfig|UnifiedLog|LogSegment|PartitionMetadataFile)\.(java|scala)$/,
  },
  {
    what: 'the coordinators’ formats',
    paths:
      /(^|\/)(group-coordinator|transaction-coordinator|share-coordinator)\/.*(\.json|Records?(Helpers|Serde)?\.java|Serde\.java)$|\/(GroupMetadataManager|TransactionLog)\.(scala|java)$/,
  },
  { what: 'the quorum’s own files', paths: /(^|\/)raft\/.*(\.json|QuorumState[^/]*\.java|[^/]*StateStore\.java)$/ },
];

/** `one-way`: the old artifact may not read what this one writes. */
export type Reversibility = { kind: 'reversible' } | { kind: 'one-way'; rule: 'K18'; reasons: string[] };

/**
 * K18: a patch that touches metadata versions, feature levels, message or record schemas, or log, checkpoint or
 * coordinator formats is one-way: it needs a downgrade rehearsal (`decisions/rehearsal.ts`), and approval before
 * production. Tests are not looked at. [inf]
 *
 * @param touched paths that the patch stack changes, from the top of Kafka's sources or of a module's
 */
export function k18Reversibility(touched: readonly string[]): Reversibility {
  const sources = touched.filter((path) => !/(^|\/)(test|jmh-benchmarks|integration-test)\//.test(path));
  const reasons: string[] = [];
  const explained = new Set<string>();
  for (const { what, paths } of FORMATS) {
    const hits = sources.filter((path) => !explained.has(path) && paths.test(`/${path}`));
    for (const path of hits) explained.add(path);
    if (hits.length > 0) reasons.push(`touches ${what}: ${hits.join(', ')}`);
  }
  return reasons.length === 0 ? { kind: 'reversible' } : { kind: 'one-way', rule: 'K18', reasons };
}
