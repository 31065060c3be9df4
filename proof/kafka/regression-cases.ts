/** One file of `older` put back into the sources of `newer`. `fails`: how many tests of `test` must fail for it. */
export type RegressionCase = {
  id: string;
  file: string;
  older: string;
  newer: string;
  test: string;
  fails?: number;
  /** The tests do not end. */
  hangs?: true;
};

const clients = 'org/apache/kafka/clients';
const common = 'org/apache/kafka/common';

/** What upstream itself broke and mended (shared/kafka.md, *Real regressions*). */
export const REGRESSIONS: readonly RegressionCase[] = [
  {
    id: 'kafka-15755',
    file: `${common}/requests/LeaveGroupResponse.java`,
    older: '3.5.1',
    newer: '3.5.2',
    test: 'org.apache.kafka.common.requests.LeaveGroupResponseTest',
    fails: 3,
  },
  {
    id: 'kafka-15353',
    file: `${common}/requests/AlterPartitionRequest.java`,
    older: '3.5.1',
    newer: '3.5.2',
    test: 'org.apache.kafka.common.requests.AlterPartitionRequestTest',
    fails: 3,
  },
  {
    id: 'kafka-15106',
    file: `${clients}/consumer/internals/AbstractStickyAssignor.java`,
    older: '3.5.1',
    newer: '3.5.2',
    test: 'org.apache.kafka.clients.consumer.StickyAssignorTest',
    hangs: true,
  },
  {
    id: 'kafka-16319',
    file: `${clients}/admin/internals/DeleteRecordsHandler.java`,
    older: '3.6.1',
    newer: '3.6.2',
    test: 'org.apache.kafka.clients.admin.internals.DeleteRecordsHandlerTest',
    fails: 2,
  },
  {
    id: 'kafka-16277',
    file: `${clients}/consumer/internals/AbstractStickyAssignor.java`,
    older: '3.6.2',
    newer: '3.7.1',
    test: 'org.apache.kafka.clients.consumer.CooperativeStickyAssignorTest',
    fails: 8,
  },
];

/** Found by comparing published jars, file by file: the code has never heard of them. */
export const OTHERS: readonly RegressionCase[] = [
  {
    id: 'byte-buffer-serializer',
    file: `${common}/serialization/ByteBufferSerializer.java`,
    older: '3.6.0',
    newer: '3.6.1',
    test: 'org.apache.kafka.common.serialization.SerializationTest',
  },
  {
    id: 'leave-group-response',
    file: `${common}/requests/LeaveGroupResponse.java`,
    older: '3.6.0',
    newer: '3.6.1',
    test: 'org.apache.kafka.common.requests.LeaveGroupResponseTest',
  },
  {
    id: 'ssl-factory',
    file: `${common}/security/ssl/SslFactory.java`,
    older: '3.6.0',
    newer: '3.6.1',
    test: 'org.apache.kafka.common.security.ssl.SslFactoryTest',
  },
  {
    id: 'produce-request',
    file: `${common}/requests/ProduceRequest.java`,
    older: '3.6.0',
    newer: '3.6.1',
    test: 'org.apache.kafka.common.requests.ProduceRequestTest',
  },
];
