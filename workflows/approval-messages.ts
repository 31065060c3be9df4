import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { ApprovalState, Decision, DecisionAnswer } from './approval-types.ts';

export const approvalId = (id: string) => `approval:${id}`;

export const decide = defineUpdate<DecisionAnswer, [Decision]>('decide');
export const withdrawApproval = defineSignal<[{ note: string }]>('withdrawApproval');
export const approvalState = defineQuery<ApprovalState | undefined>('approvalState');
