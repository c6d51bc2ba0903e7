// Drives webtorrent for the comparison: no tracker, DHT, LSD or WebRTC, no limits.
// drive-webtorrent.mjs download|seed TORRENT FOLDER PORT [HOST:PORT,…]
// WEBTORRENT names the module's file.

import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { pathToFileURL } from 'node:url';

// The native module of WebRTC was not built. Nobody here speaks WebRTC, but it is imported.
const STUB = `data:text/javascript,${encodeURIComponent(
  'class No {} export { No as RTCPeerConnection, No as RTCSessionDescription, No as RTCIceCandidate };' +
    'export default {};',
)}`;
registerHooks({
  resolve: (name, context, next) =>
    /webrtc|datachannel/i.test(name) ? { url: STUB, shortCircuit: true } : next(name, context),
});

const [mode, torrentPath, folder, port, peers = ''] = process.argv.slice(2);
const { default: WebTorrent } = await import(pathToFileURL(process.env.WEBTORRENT).href);
const client = new WebTorrent({
  dht: false,
  lsd: false,
  tracker: false,
  utp: false,
  natUpnp: false,
  natPmp: false,
  secure: false,
  webSeeds: false,
  maxConns: 500,
  torrentPort: Number(port),
});
client.on('error', (error) => {
  console.error(error);
  process.exit(1);
});
client.add(readFileSync(torrentPath), { path: folder }, (torrent) => {
  for (const peer of peers.split(',')) if (peer !== '') torrent.addPeer(peer);
  if (mode === 'seed') {
    const ready = () => console.log('ready');
    if (torrent.done) ready();
    else torrent.once('done', ready);
  } else {
    const end = () => client.destroy(() => process.exit(0));
    if (torrent.done) end();
    else torrent.once('done', end);
  }
});
