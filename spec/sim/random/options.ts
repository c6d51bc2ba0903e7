// The command line of `npm run sim`.

import { parseArgs } from 'node:util';

export interface RunOptions {
  /** Number of swarms. */
  readonly seeds: number;
  /** The first seed; the others follow. */
  readonly from: number;
  readonly minNodes: number;
  readonly maxNodes: number;
  readonly processes: number;
  /** Play this one alone, and print what it expands to. */
  readonly seed: number | undefined;
  /** The set that CI runs. */
  readonly ci: boolean;
  /** Print one hash of all traces, for a comparison between versions of Node. */
  readonly hash: boolean;
  /** File for a chart. */
  readonly svg: string | undefined;
}

export const USAGE = `npm run sim -- [options]
  --seeds N        number of random swarms (default 200)
  --from SEED      the first seed; the others follow it (default 1)
  --nodes A-B      nodes of each swarm (default 3-12)
  --processes N    processes that share the work (default 2)
  --seed SEED      play this one alone, and print the options that it expands to
  --svg FILE       write a chart of the times to completion
  --hash           print one hash of all traces
  --ci             what CI runs: 1,000 swarms of 3-12 nodes, 5 of 60, one of 200`;

export function readOptions(argv: readonly string[]): RunOptions {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      seeds: { type: 'string', default: '200' },
      from: { type: 'string', default: '1' },
      nodes: { type: 'string', default: '3-12' },
      processes: { type: 'string', default: '2' },
      seed: { type: 'string' },
      svg: { type: 'string' },
      ci: { type: 'boolean', default: false },
      hash: { type: 'boolean', default: false },
    },
  });
  const [least, most = least] = values.nodes.split('-');
  const options = {
    seeds: positive('--seeds', values.seeds),
    from: positive('--from', values.from),
    minNodes: positive('--nodes', least),
    maxNodes: positive('--nodes', most),
    processes: positive('--processes', values.processes),
    seed: values.seed === undefined ? undefined : positive('--seed', values.seed),
    svg: values.svg,
    ci: values.ci,
    hash: values.hash,
  };
  if (options.minNodes < 2 || options.minNodes > options.maxNodes)
    throw new Error(`--nodes is a range such as 3-12, with 2 nodes at least, not ${values.nodes}`);
  return options;
}

function positive(name: string, text = ''): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1)
    throw new Error(`${name} must be a whole number from 1 on, not '${text}'`);
  return number;
}
