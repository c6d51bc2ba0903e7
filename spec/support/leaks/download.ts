// Runs in a process of its own, so that a spec can kill it: downloads one torrent and prints its
// progress.

import { Coordinator } from '../../../lib/index';

export interface DownloadInput {
  readonly torrent: string;
  readonly output: string;
  readonly peers: readonly string[];
}

/** What it prints, line by line. */
export interface DownloadLine {
  readonly type: 'pieces' | 'complete' | 'error';
  readonly doneBytes: number;
  readonly downloadedBytes: number;
  readonly code?: string;
}

async function main(): Promise<void> {
  const input = JSON.parse(process.argv[2] ?? '{}') as DownloadInput;
  const { torrent: source, output, peers } = input;
  await using engine = await Coordinator.start({
    peerThreads: 1,
    verifyThreads: 2,
    host: '127.0.0.1',
  });
  try {
    const torrent = await engine.add(source, { output, peers, seed: false });
    torrent.on('stats', ({ doneBytes, downloadedBytes }) =>
      print({ type: 'pieces', doneBytes, downloadedBytes }),
    );
    await torrent.completed;
    const { doneBytes, downloadedBytes } = torrent.stats();
    print({ type: 'complete', doneBytes, downloadedBytes });
  } catch (error) {
    const { code } = error as { readonly code: string };
    print({ type: 'error', code, doneBytes: 0, downloadedBytes: 0 });
  }
}

function print(line: DownloadLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

void main();
