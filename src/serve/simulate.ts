import { startSimulator } from '../simulator/provider.ts';

/** `aperture simulate`: the provider by itself, until it is stopped. */
export async function simulate(options: { host: string; port: string }, say: (text: string) => void): Promise<void> {
  const simulator = await startSimulator({ host: options.host, port: Number(options.port) });
  say(`The simulator answers on ${simulator.url}; what it can be asked for is in docs/simulator.md`);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      void simulator.close().then(() => process.exit(0));
    });
  }
}
