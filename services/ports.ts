import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

// Below the range from which Linux takes ports for outgoing connections (32768 on), so that
// a port which is kept for months is not in use by chance on the day of a restart.
const [LOWEST, HIGHEST] = [20_000, 32_000];

/** A free port of this machine's loopback. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const port = randomInt(LOWEST, HIGHEST);
    if (await isFree(port)) return port;
  }
  throw new Error(`found no free port between ${LOWEST} and ${HIGHEST}`);
}

export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
