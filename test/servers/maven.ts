import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, normalize } from 'node:path';

/** `die`: what was sent is kept, and the connection ends without an answer. */
export type MavenFault = { kind: 'die' } | { kind: 'refuse'; status: number };

/**
 * A Maven repository for releases over HTTP, as Nexus and Artifactory behave: a user and a password, files by PUT and
 * GET over a folder, and no file of a version twice. Only maven-metadata.xml and its checksums may be replaced.
 */
export async function startMaven(user = 'deployer', password = 'only-on-loopback') {
  const root = mkdtempSync(join(tmpdir(), 'pw-maven-'));
  const puts: string[] = [];
  const faults = new Map<string, MavenFault>();
  const allowed = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  const server = createServer(async (request, response) => {
    const path = normalize(decodeURIComponent(request.url ?? '/')).replace(/^\/releases\//, '');
    const file = join(root, path);
    const answer = (status: number, body: string | Buffer = '') => response.writeHead(status).end(body);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (request.headers.authorization !== allowed) return answer(401, 'who are you?');
    if (request.method === 'GET') return existsSync(file) ? answer(200, readFileSync(file)) : answer(404);
    if (request.method !== 'PUT') return answer(405);
    const fault = faults.get(path);
    faults.delete(path);
    if (fault?.kind === 'refuse') return answer(fault.status, 'as it was told');
    if (existsSync(file) && !path.includes('maven-metadata.xml'))
      return answer(409, 'this version is there already; a release is deployed once');
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, Buffer.concat(chunks));
    puts.push(path);
    return fault?.kind === 'die' ? request.socket.destroy() : answer(201);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/releases`,
    user,
    password,
    /** Paths in the order in which they were kept. */
    puts,
    text: (path: string) => readFileSync(join(root, path), 'utf8'),
    bytes: (path: string) => readFileSync(join(root, path)),
    fail: (path: string, fault: MavenFault) => faults.set(path, fault),
    async stop(): Promise<void> {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      rmSync(root, { recursive: true, force: true });
    },
  };
}
