export { agentRun } from '../../workflows/agent-run.ts';
export { review } from '../../workflows/review.ts';
