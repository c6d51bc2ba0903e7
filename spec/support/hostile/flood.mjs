// Peers by the hundred in one process, for specs of connection limits:
// node flood.mjs HOST PORT INFOHASH COUNT mute|idle|leech [LOCAL_ADDRESS …]
// They say nothing (mute), or shake hands and no more (idle), or ask for the first block (leech); and
// come back whenever they are closed.
// Each LOCAL_ADDRESS takes its turn. A line of JSON for each block that came: {"from":…,"bytes":…}.
import { Buffer } from 'node:buffer';
import { connect } from 'node:net';
import { setTimeout } from 'node:timers';

const [host, port, infoHash, count, mode, ...sources] = process.argv.slice(2);
const BLOCK_BYTES = 16_384;
const message = (...parts) => {
  const body = Buffer.concat(parts);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  return Buffer.concat([length, body]);
};
const INTERESTED = message(Buffer.of(2));
const REQUEST = (() => {
  const numbers = Buffer.alloc(12);
  numbers.writeUInt32BE(BLOCK_BYTES, 8);
  return message(Buffer.of(6), numbers);
})();
const AGAIN_MS = 50;

function start(index) {
  const localAddress = sources[index % Math.max(1, sources.length)];
  const socket = connect({ host, port: Number(port), localAddress });
  const peerId = Buffer.from(`-XX0000-${String(index).padStart(6, '0')}${mode.padEnd(6)}`);
  const hello = Buffer.concat([
    Buffer.of(19),
    Buffer.from('BitTorrent protocol'),
    Buffer.alloc(8),
    Buffer.from(infoHash, 'hex'),
    peerId,
  ]);
  let heard = Buffer.alloc(0);
  let shaken = false;
  if (mode !== 'mute')
    socket.on('connect', () =>
      socket.write(mode === 'idle' ? hello : Buffer.concat([hello, INTERESTED])),
    );
  socket.on('data', (bytes) => {
    if (mode !== 'leech') return;
    heard = Buffer.concat([heard, bytes]);
    if (!shaken && heard.length >= 68) {
      shaken = true;
      heard = heard.subarray(68);
    }
    while (shaken && heard.length >= 4 && heard.length >= 4 + heard.readUInt32BE()) {
      const end = 4 + heard.readUInt32BE();
      if (heard[4] === 1) socket.write(REQUEST); // Unchoked.
      if (heard[4] === 7) console.log(JSON.stringify({ from: localAddress, bytes: end - 13 }));
      heard = heard.subarray(end);
    }
  });
  socket.on('error', () => undefined);
  socket.on('close', () => setTimeout(() => start(index), AGAIN_MS));
}

for (let index = 0; index < Number(count); index += 1) start(index);
console.log(JSON.stringify({ started: Number(count) }));
