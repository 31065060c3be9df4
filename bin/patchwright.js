#!/usr/bin/env node
// `patchwright …`: the command-line tool, on any Node from 20 on.
import { join } from 'node:path';
import { ROOT, runWithNode24 } from './node24.js';

runWithNode24(join(ROOT, 'cli/main.ts'), process.argv.slice(2));
