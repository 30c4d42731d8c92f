import { Agent, request } from 'node:http';

export interface LoadResult {
  readonly answered: number;
  /** Anything but a 200 with a prediction in it, and errors of the connection. */
  readonly failures: readonly string[];
  readonly versions: ReadonlySet<string>;
}

/** Ask for predictions over `connections` keep-alive connections, one after the other on each, until `stop()`. */
export function applyLoad(url: string, instance: Readonly<Record<string, unknown>>, connections: number): { stop(): Promise<LoadResult> } {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const body = JSON.stringify({ instances: [instance] });
  const failures: string[] = [];
  const versions = new Set<string>();
  let answered = 0;
  let stopped = false;

  async function loop(): Promise<void> {
    while (!stopped) {
      try {
        const { status, text } = await post(agent, url, body);
        if (status !== 200) failures.push(`${status}: ${text}`);
        else {
          const answer = JSON.parse(text) as { version: string; predictions: { probability: number }[] };
          if (!(answer.predictions[0].probability >= 0)) failures.push(text);
          versions.add(answer.version);
          answered++;
        }
      } catch (error) {
        failures.push(String(error));
      }
    }
  }

  const loops = Array.from({ length: connections }, loop);
  return {
    async stop() {
      stopped = true;
      await Promise.all(loops);
      agent.destroy();
      return { answered, failures, versions };
    },
  };
}

function post(agent: Agent, url: string, body: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method: 'POST', agent, headers: { 'content-type': 'application/json' } }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
      incoming.on('error', reject);
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
