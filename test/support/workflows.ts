export { approval } from '../../workflows/approval.ts';
export { thread } from '../../workflows/thread.ts';
export { ticket } from '../../workflows/ticket.ts';
