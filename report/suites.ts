import { sql } from 'kysely';
import type { Db } from '../store/database.ts';
import type { ReportSuite, ReportVerdict } from './report.ts';

/** Every suite run of a release, in the order in which they started. */
export async function suitesOf(db: Db, release: string): Promise<(ReportSuite & { candidateNumber: number })[]> {
  return [];
}
