import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the played server knows: for each query, of each node, its value at a moment. */
export type Told = (query: string, atMs: number) => Record<string, number>;

/** A server that answers Prometheus' query API, `query` and `query_range`, over HTTP. */
export async function startPrometheus(told: Told) {
  const asked: string[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const parameters = new URLSearchParams(body);
    const query = parameters.get('query') ?? '';
    asked.push(query);
    const reply = (status: number, answer: object) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    };
    try {
      const range = request.url === '/base/api/v1/query_range';
      if (!range && request.url !== '/base/api/v1/query') return reply(404, { status: 'error', error: 'not found' });
      const [start, end, step] = ['start', 'end', 'step'].map((name) => Number(parameters.get(name)));
      const seconds = range
        ? Array.from({ length: Math.floor((end! - start!) / step!) + 1 }, (_, i) => start! + i * step!)
        : [Date.now() / 1000];
      const series = new Map<string, [number, string][]>();
      for (const second of seconds) {
        for (const [instance, value] of Object.entries(told(query, second * 1000))) {
          series.set(instance, [...(series.get(instance) ?? []), [second, String(value)]]);
        }
      }
      const result = [...series].map(([instance, values]) => ({
        metric: { instance },
        ...(range ? { values } : { value: values[0] }),
      }));
      return reply(200, { status: 'success', data: { resultType: range ? 'matrix' : 'vector', result } });
    } catch (error) {
      return reply(422, { status: 'error', errorType: 'execution', error: (error as Error).message });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/base`,
    asked,
    stop: () => new Promise((resolve) => server.close(resolve)),
  };
}
