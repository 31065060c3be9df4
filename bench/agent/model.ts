import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A model that reads part after part of one file for ever, and answers at once. */
export async function startInstantModel(path: string) {
  const asked: { from: number; to: number; bytes: number }[] = [];
  const server = createServer(async (request, response) => {
    let bytes = 0;
    for await (const chunk of request) bytes += (chunk as Buffer).length;
    const from = performance.now();
    const turn = asked.length + 1;
    const given = { arm: 'candidate', path, from: 1 + (turn % 500), lines: 2_000 };
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const type = 'response.completed';
    const event = JSON.stringify({ type, sequence_number: 0, response: answer(turn, given) });
    // Our own time begins when the answer has left; it ends when the whole of the next question is here.
    response.end(`event: ${type}\ndata: ${event}\n\n`, () => asked.push({ from, to: performance.now(), bytes }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    /** What it was asked since it was last looked at. */
    take: () => asked.splice(0),
    stop: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

const answer = (turn: number, given: unknown) => ({
  ...{ id: `resp_${turn}`, object: 'response', status: 'completed', error: null },
  usage: { input_tokens: 900, output_tokens: 100, total_tokens: 1_000 },
  output: [
    {
      ...{ type: 'function_call', id: `fc_${turn}`, call_id: `call_${turn}`, name: 'read_file', status: 'completed' },
      arguments: JSON.stringify(given),
    },
  ],
});
