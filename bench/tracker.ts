// Our tracker under load, in a process of its own: announces per second of its CPU time over UDP
// and HTTP, and memory per peer. Run it with `npm run bench:tracker`; behind `--` it takes the
// parts to run: `udp`, `http` (kept connections), `http-close` (a connection each), `siege` (the
// same beside twelve addresses that hold all places of the server and send nothing), `memory`.

import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import * as dgram from 'node:dgram';
import * as net from 'node:net';
import { percentEncode } from '../lib/bytes/percent';
import { startTracker } from '../lib/tracker-server/server';
import { SwarmRegistry } from '../lib/tracker-server/swarm-registry';
import { encodeAnnounce, encodeConnect } from '../lib/tracker/udp-codec';
import { figuresOf, shown } from './support/figures';

const RUNS = 7;
const ANNOUNCES_PER_RUN = 60_000;
const TORRENTS = 1000;
/** Announces that peers keep in flight in all: enough that the tracker never waits. */
const UDP_WINDOW = 256;
const HTTP_CONNECTIONS = 32;

const UNLIMITED = {
  requestsPerSecPerIp: Infinity,
  maxPeersPerIp: Infinity,
  maxConnections: 10_000,
  maxConnectionsPerIp: 10_000,
};

/** More connections than the server accepts; each reconnects as soon as it is closed. */
const SIEGE_ADDRESSES = 12;
const SIEGE_CONNECTIONS_EACH = 100;

interface Serving {
  readonly port: number;
  readonly udpPort: number;
}

// ---- the tracker's process ----

async function serve(connections: 'unlimited' | 'limited'): Promise<void> {
  const { maxConnections, maxConnectionsPerIp, ...others } = UNLIMITED;
  const limits =
    connections === 'limited' ? others : { ...others, maxConnections, maxConnectionsPerIp };
  const server = await startTracker({ udpPort: 0, limits });
  process.send?.({ port: server.port, udpPort: server.udpPort });
  process.on('message', () => {
    const { user, system } = process.cpuUsage();
    process.send?.((user + system) / 1e6);
  });
  process.on('disconnect', () => void server.close());
}

// ---- the load ----

async function main(parts: readonly string[]): Promise<void> {
  const runs = (part: string): boolean => parts.length === 0 || parts.includes(part);
  console.log(`node ${process.version}, ${RUNS} runs after a warm-up: median (min–max)`);
  const child = fork(__filename, ['serve'], { execArgv: process.execArgv });
  try {
    const { port, udpPort } = await nextMessage<Serving>(child);
    if (runs('udp')) {
      const udp = await openUdp(udpPort);
      await measure('UDP announces', child, () => announceOverUdp(udp, udpPort));
      udp.socket.close();
    }
    for (const [part, name, keep] of [
      ['http', 'HTTP announces, kept connections', true],
      ['http-close', 'HTTP announces, a connection each', false],
    ] as const) {
      if (runs(part)) await measure(name, child, () => announceOverHttp(port, keep));
    }
  } finally {
    child.disconnect();
  }
  if (runs('siege')) await measureSiege();
  if (runs('memory')) await measureMemory();
}

/** With the server's own limits: first alone, then beside a crowd that holds connections. */
async function measureSiege(): Promise<void> {
  const child = fork(__filename, ['serve', 'limited'], { execArgv: process.execArgv });
  try {
    const { port } = await nextMessage<Serving>(child);
    const announces = (): Promise<number> => announceOverHttp(port, false);
    await measure('HTTP announces, a connection each, undisturbed', child, announces);
    const end = await besiege(port);
    await measure(
      `the same, ${SIEGE_ADDRESSES} × ${SIEGE_CONNECTIONS_EACH} idle`,
      child,
      announces,
    );
    end();
  } finally {
    child.disconnect();
  }
}

/** Resolves once the crowd is connected, to a function that disconnects it. */
async function besiege(port: number): Promise<() => void> {
  const crowd = new Set<net.Socket>();
  let over = false;
  const arrive = (localAddress: string): Promise<void> =>
    new Promise((there) => {
      const socket = net.connect({ port, host: '127.0.0.1', localAddress });
      crowd.add(socket);
      socket.on('error', () => undefined);
      socket.once('connect', there);
      socket.once('close', () => {
        crowd.delete(socket);
        if (!over) void arrive(localAddress);
      });
    });
  const all = Array.from({ length: SIEGE_ADDRESSES * SIEGE_CONNECTIONS_EACH }, (_, index) =>
    arrive(`127.9.0.${1 + (index % SIEGE_ADDRESSES)}`),
  );
  await Promise.all(all);
  return () => {
    over = true;
    for (const socket of crowd) socket.destroy();
  };
}

async function measure(
  name: string,
  child: ChildProcess,
  run: () => Promise<number>,
): Promise<void> {
  const perCpuSec: number[] = [];
  const perSec: number[] = [];
  for (let round = 0; round <= RUNS; round += 1) {
    const cpuBefore = await cpuSeconds(child);
    const startedMs = performance.now();
    const announces = await run();
    const elapsedSec = (performance.now() - startedMs) / 1000;
    const cpuSec = (await cpuSeconds(child)) - cpuBefore;
    if (round === 0) continue;
    perCpuSec.push(announces / cpuSec);
    perSec.push(announces / elapsedSec);
  }
  console.log(`${name}: ${shown(figuresOf(perCpuSec), 'per CPU second of the tracker')}`);
  console.log(`  ${shown(figuresOf(perSec), 'per second on the clock, this load beside it')}`);
}

function cpuSeconds(child: ChildProcess): Promise<number> {
  const answer = nextMessage<number>(child);
  child.send('cpu');
  return answer;
}

function nextMessage<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve) => child.once('message', (message) => resolve(message as T)));
}

/** 20 bytes that differ from those of any other number. */
function idOf(kind: number, number: number): Buffer {
  const id = Buffer.alloc(20, kind);
  id.writeUInt32BE(number, 8);
  return id;
}

interface Udp {
  readonly socket: dgram.Socket;
  readonly connectionId: Uint8Array;
}

async function openUdp(port: number): Promise<Udp> {
  const socket = dgram.createSocket({ type: 'udp4', recvBufferSize: 4 * 1024 * 1024 });
  const reply = new Promise<Buffer>((resolve) => socket.once('message', resolve));
  socket.send(encodeConnect(1), port, '127.0.0.1');
  return { socket, connectionId: (await reply).subarray(8, 16) };
}

/** Resolves with the number of answers; lost datagrams do not count. */
function announceOverUdp({ socket, connectionId }: Udp, port: number): Promise<number> {
  return new Promise((resolve) => {
    let sent = 0;
    let answered = 0;
    const packets = Array.from({ length: TORRENTS }, (_, torrent) =>
      Buffer.from(
        encodeAnnounce(
          connectionId,
          torrent,
          {
            infoHash: idOf(1, torrent),
            peerId: idOf(2, torrent),
            port: 1,
            uploadedBytes: 0,
            downloadedBytes: 0,
            leftBytes: torrent % 2,
            numWant: 50,
            key: 1,
          },
          '',
        ),
      ),
    );
    const send = (): void => {
      const packet = packets[sent % TORRENTS];
      if (packet === undefined) return;
      packet.writeUInt16BE(1 + (Math.floor(sent / TORRENTS) % 60), 96); // 60 peers each
      sent += 1;
      socket.send(Buffer.from(packet), port, '127.0.0.1');
    };
    const done = (): void => {
      clearTimeout(stalled);
      socket.removeAllListeners('message');
      resolve(answered);
    };
    let stalled = setTimeout(done, 500);
    socket.on('message', () => {
      answered += 1;
      if (sent < ANNOUNCES_PER_RUN) return send();
      clearTimeout(stalled);
      stalled = setTimeout(done, 500);
      if (answered === sent) done();
    });
    for (let first = 0; first < UDP_WINDOW; first += 1) send();
  });
}

/** Uses raw sockets: the cheapest client leaves the most of the core to the tracker. */
async function announceOverHttp(port: number, keep: boolean): Promise<number> {
  const total = keep ? ANNOUNCES_PER_RUN / 2 : ANNOUNCES_PER_RUN / 6;
  let started = 0;
  let answered = 0;
  const request = (): string => {
    const torrent = started % TORRENTS;
    const peer = 1 + (Math.floor(started / TORRENTS) % 60);
    started += 1;
    return (
      `GET /announce?info_hash=${percentEncode(idOf(1, torrent))}` +
      `&peer_id=${percentEncode(idOf(2, torrent))}&port=${peer}&uploaded=0&downloaded=0` +
      `&left=${torrent % 2}&compact=1&no_peer_id=1&numwant=50&key=0000002a HTTP/1.1\r\n` +
      `Host: 127.0.0.1:${port}\r\nUser-Agent: bench\r\nAccept-Encoding: gzip\r\n` +
      `Connection: ${keep ? 'keep-alive' : 'close'}\r\n\r\n`
    );
  };
  const talk = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const socket = net.connect(port, '127.0.0.1', () => socket.write(request()));
      socket.setNoDelay(true);
      socket.on('error', reject);
      // Each answer is one small segment: what comes in one read is one answer.
      socket.on('data', (data) => {
        if (data.indexOf('interval') < 0) return reject(new Error(data.toString()));
        answered += 1;
        if (!keep) return;
        if (started < total) socket.write(request());
        else socket.end();
      });
      socket.on('close', () => resolve());
    });
  const line = async (): Promise<void> => {
    do await talk();
    while (started < total);
  };
  await Promise.all(Array.from({ length: HTTP_CONNECTIONS }, line));
  return answered;
}

// ---- memory ----

async function measureMemory(): Promise<void> {
  if ((globalThis as { gc?: () => void }).gc === undefined) {
    return console.log('memory: needs --expose-gc');
  }
  for (const [name, torrents, perTorrent] of [
    ['100,000 peers in 10 torrents', 10, 10_000],
    ['100,000 peers in 2,000 torrents', 2000, 50],
    ['50,000 torrents of one peer', 50_000, 1],
  ] as const) {
    const bytes = await bytesPerPeer(torrents, perTorrent);
    console.log(
      `memory, ${name}, each from an address of its own: ${bytes.toFixed(0)} bytes a peer`,
    );
  }
}

/** A function of its own, so that the registry of one case is gone before the next. */
async function bytesPerPeer(torrents: number, perTorrent: number): Promise<number> {
  const before = await heldBytes();
  const registry = filledRegistry(torrents, perTorrent);
  return ((await heldBytes()) - before) / registry.peerCount;
}

function filledRegistry(torrents: number, perTorrent: number): SwarmRegistry {
  const registry = new SwarmRegistry({ forgetAfterMs: 3_600_000, random: Math.random });
  for (let number = 0; number < torrents * perTorrent; number += 1) {
    registry.announce(
      {
        infoHash: idOf(1, Math.floor(number / perTorrent)),
        peerId: idOf(2, number),
        address: Uint8Array.of(10, number >> 16, number >> 8, number),
        port: 6881,
        leftBytes: number % 2,
        numWant: 0,
      },
      0,
    );
  }
  return registry;
}

/** Bytes in use. Memory outside the heap is freed some turns after its collection. */
async function heldBytes(): Promise<number> {
  for (let turn = 0; turn < 5; turn += 1) {
    (globalThis as { gc?: () => void }).gc?.();
    await new Promise((next) => setTimeout(next, 20));
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

const [part, connections] = process.argv.slice(2);
if (part === 'serve') void serve(connections === 'limited' ? 'limited' : 'unlimited');
else void main(process.argv.slice(2));
