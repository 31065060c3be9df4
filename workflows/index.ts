// Temporal registers what this file exports: the one barrel of the project.
export { agentRun } from './agent-run.ts';
export { approval } from './approval.ts';
export { environment } from './environment.ts';
export { environmentUp } from './environment-up.ts';
export { finalise } from './finalise.ts';
export { fix } from './fix.ts';
export { page } from './page.ts';
export { proof } from './proof.ts';
export { publication } from './publication.ts';
export { rehearsal } from './rehearsal.ts';
export { release } from './release.ts';
export { repair } from './repair.ts';
export { rollout } from './rollout.ts';
export { suite } from './suite.ts';
export { thread } from './thread.ts';
export { ticket } from './ticket.ts';
export { triage } from './triage.ts';
