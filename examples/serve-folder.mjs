// Serves a folder (or a file) to a local network: makes its torrent, runs a tracker, seeds.
// node examples/serve-folder.mjs <path> <address of this machine> [tracker port]
// Other machines run: millrace download <the .torrent that this writes>

import { writeFile } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { Coordinator, createTorrent, startTracker } from 'millrace';

const [path, address, port = '6969'] = process.argv.slice(2);
if (path === undefined || address === undefined) {
  console.error('usage: node examples/serve-folder.mjs <path> <address> [tracker port]');
  process.exit(2);
}

const folder = resolve(path);
const torrentFile = `${basename(folder)}.torrent`;

const tracker = await startTracker({ host: '0.0.0.0', port: Number(port), intervalSec: 60 });
const engine = await Coordinator.start();
const stop = async () => {
  await engine.close(); // first: it announces stopped to the tracker
  await tracker.close();
};
process.once('SIGINT', () => void stop());
process.once('SIGTERM', () => void stop());

try {
  const { bytes } = await createTorrent(folder, {
    trackers: [[`http://${address}:${tracker.port}/announce`]],
  });
  await writeFile(torrentFile, bytes);

  // The folder that holds the folder: the torrent's name is the last part of its path.
  const torrent = await engine.add(bytes, { output: dirname(folder) });
  await torrent.completed; // our data was hashed and is complete
  console.log(`serving ${torrent.name} (${torrent.infoHash}) on port ${engine.port}`);
  console.log(`give others ${torrentFile}; press Ctrl-C to stop`);

  torrent.on('peerConnected', (peer) => console.log(`peer ${peer.host} came`));
  torrent.on('peerClosed', (peer) => {
    console.log(`peer ${peer.host} left: it got ${peer.uploadedBytes} bytes (${peer.reason})`);
  });
} catch (error) {
  console.error(`failed: ${error.message}`);
  process.exitCode = 1;
  await stop();
}
