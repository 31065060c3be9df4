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

/**
 * Found by trying every file that two published versions have in common: these make upstream's own test of the class
 * fail. The code has never heard of them. The last one fails to link: the older file lacks a method.
 */
export const OTHERS: readonly RegressionCase[] = [
  {
    id: 'leave-group-response',
    file: `${common}/requests/LeaveGroupResponse.java`,
    older: '3.6.0',
    newer: '3.6.1',
    test: 'org.apache.kafka.common.requests.LeaveGroupResponseTest',
    fails: 3,
  },
  {
    id: 'abstract-config',
    file: `${common}/config/AbstractConfig.java`,
    older: '3.4.0',
    newer: '3.4.1',
    test: 'org.apache.kafka.common.config.AbstractConfigTest',
    fails: 1,
  },
  {
    id: 'login-manager',
    file: `${common}/security/authenticator/LoginManager.java`,
    older: '3.4.0',
    newer: '3.4.1',
    test: 'org.apache.kafka.common.security.authenticator.LoginManagerTest',
    fails: 1,
  },
  {
    id: 'consumer-config',
    file: `${clients}/consumer/ConsumerConfig.java`,
    older: '3.5.0',
    newer: '3.5.1',
    test: 'org.apache.kafka.clients.consumer.ConsumerConfigTest',
    fails: 1,
  },
  {
    id: 'producer-config',
    file: `${clients}/producer/ProducerConfig.java`,
    older: '3.5.0',
    newer: '3.5.1',
    test: 'org.apache.kafka.clients.producer.ProducerConfigTest',
    fails: 1,
  },
  {
    id: 'producer-batch',
    file: `${clients}/producer/internals/ProducerBatch.java`,
    older: '3.6.0',
    newer: '3.6.1',
    test: 'org.apache.kafka.clients.producer.internals.ProducerBatchTest',
    fails: 1,
  },
];
