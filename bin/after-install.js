// npm runs this after `npm ci` and `npm install` in the clone.
import { afterInstall } from './node24.js';

afterInstall();
