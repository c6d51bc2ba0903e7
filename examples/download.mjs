// Downloads one torrent: node examples/download.mjs <file.torrent, http(s) URL or magnet link> [folder]
// A second run goes on where the first stopped.

import { Coordinator } from 'millrace';

const [source, output = '.'] = process.argv.slice(2);
if (source === undefined) {
  console.error(
    'usage: node examples/download.mjs <file.torrent, http(s) URL or magnet link> [folder]',
  );
  process.exit(2);
}

const engine = await Coordinator.start();
process.once('SIGINT', () => void engine.close()); // saves the verified pieces, announces stopped

try {
  const torrent = await engine.add(source, { output, seed: false });
  torrent.on('tracker', ({ url, ok, message, peers }) => {
    console.log(ok ? `${url}: ${peers} peers` : `${url} failed: ${message}`);
  });

  for await (const stats of torrent.progress({ intervalMs: 1000 })) {
    if (stats.totalBytes === undefined) {
      // A magnet link: the metadata is fetched from peers first.
      console.log(
        `metadata: ${stats.metadata.receivedBytes} bytes, ${stats.peers.connected} peers`,
      );
      continue;
    }
    const percent = ((100 * stats.doneBytes) / Math.max(1, stats.totalBytes)).toFixed(1);
    const rate = (stats.downloadBytesPerSec / 2 ** 20).toFixed(1);
    console.log(`${percent} %, ${rate} MiB/s, ${stats.peers.connected} peers`);
  }

  await torrent.completed; // every piece is verified and on disk
  console.log(`${torrent.name} is complete`);
} catch (error) {
  console.error(`failed: ${error.message}`);
  process.exitCode = 1;
} finally {
  await engine.close();
}
