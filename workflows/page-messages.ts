import { defineQuery, defineUpdate } from '@temporalio/workflow';

export const pageId = (id: string) => `page:${id}`;

export type PageState = { called: number; acknowledged?: { by: string; at: string } };

/** Somebody has it: nobody is called any more. Answers with who was first. */
export const acknowledgePageBy = defineUpdate<PageState, [{ by: string }]>('acknowledgePageBy');
export const pageState = defineQuery<PageState>('pageState');
