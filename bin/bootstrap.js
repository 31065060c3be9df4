#!/usr/bin/env node
// `node bin/bootstrap.js SCRIPT.ts args…`: runs a TypeScript file of this project, on any Node from 20 on.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fail, ROOT, runWithNode24 } from './node24.js';

const [script, ...args] = process.argv.slice(2);
if (script === undefined) fail('usage: node bin/bootstrap.js SCRIPT.ts [args…]', 2);
const path = resolve(ROOT, script);
if (!existsSync(path)) fail(`there is no ${path}`, 2);
runWithNode24(path, args);
