// How each client of the interop specs is started. Clients find peers only through the tracker, so
// that each spec tests the path it names.

import { spawnSync } from 'node:child_process';
import { statSync, readdirSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { freePort } from '../free-port';
import { Client, LOOPBACK } from './process';
import type { Place } from './process';
import type { Payload } from './payload';

const ROOT = resolve(__dirname, '..', '..', '..');
const READY_MS = 60_000;
const TRANSFER_MS = 90_000;

/** An opentracker that knows the given torrents (Debian's answers for no others). */
export async function startOpentracker(
  folder: string,
  port: number,
  infoHashes: readonly string[],
  place: Place = LOOPBACK,
): Promise<Client> {
  await chmod(folder, 0o755); // As root it moves into this folder and becomes nobody.
  await writeFile(join(folder, 'whitelist'), infoHashes.map((hash) => `${hash}\n`).join(''));
  const listen = ['-i', place.address, '-p', String(port), '-P', String(port)];
  const tracker = new Client(['opentracker', ...listen, '-d', folder, '-w', 'whitelist'], {
    place,
  });
  // It prints nothing, so readiness is tested by connecting to it.
  const connect = [...place.enter, 'bash', '-c', `exec 3<>/dev/tcp/${place.address}/${port}`];
  const [file = '', ...args] = connect;
  await tracker.until('listening', READY_MS, () => spawnSync(file, args).status === 0);
  return tracker;
}

/** The npm package bittorrent-tracker, serving every torrent over HTTP and UDP. */
export async function startBittorrentTracker(port: number): Promise<Client> {
  const command = [process.execPath, join(ROOT, 'node_modules/bittorrent-tracker/bin/cmd.js')];
  const hosts = ['--http-hostname', '127.0.0.1', '--udp-hostname', '127.0.0.1'];
  const tracker = new Client([...command, '--port', String(port), '--http', '--udp', ...hosts]);
  await tracker.untilPrinted(/^UDP tracker: /m, READY_MS);
  return tracker;
}

/** Resolves when the tracker counts one seed of this torrent. */
export function untilSeedKnown(seed: Client, trackerUrl: string, payload: Payload): Promise<void> {
  return untilScraped(seed, trackerUrl, payload, '8:completei1e');
}

/** Resolves when the tracker counts one leecher of this torrent. */
export function untilLeecherKnown(
  leecher: Client,
  trackerUrl: string,
  payload: Payload,
): Promise<void> {
  return untilScraped(leecher, trackerUrl, payload, '10:incompletei1e');
}

async function untilScraped(
  client: Client,
  trackerUrl: string,
  payload: Payload,
  count: string,
): Promise<void> {
  const hash = payload.infoHash.replaceAll(/../g, '%$&');
  const url = `${trackerUrl.replace(/announce$/, 'scrape')}?info_hash=${hash}`;
  await client.until(`${count} at the tracker`, READY_MS, async () => {
    const reply = await fetch(url);
    return Buffer.from(await reply.arrayBuffer()).includes(count);
  });
}

// ---- Millrace ----

/** The compiled command line, or its sources where they are newer or nothing is compiled. */
function millraceCommand(): readonly string[] {
  const compiled = join(ROOT, 'dist/lib/cli/main.js');
  const compiledMs = statSync(compiled, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const newerSource = ['lib', 'workers'].some((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true }).some(
      (entry) =>
        entry.isFile() && statSync(join(entry.parentPath, entry.name)).mtimeMs > compiledMs,
    ),
  );
  if (!newerSource) return [process.execPath, compiled];
  return [process.execPath, '-r', './spec/register.cjs', 'lib/cli/main.ts'];
}

export type JsonEvent = { readonly type: string } & Readonly<Record<string, unknown>>;

/** What `--json` printed so far, by type. */
export function eventsOf(client: Client, type: string): readonly JsonEvent[] {
  return client.stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as JsonEvent)
    .filter((event) => event.type === type);
}

function startMillrace(args: readonly string[], place?: Place): Client {
  const logged = args[0] === 'share' ? [] : ['--log-level', 'debug'];
  return new Client([...millraceCommand(), ...args, '--json', ...logged], {
    place,
    cwd: ROOT,
  });
}

/** Starts a Millrace download. */
export function startDownload(
  payload: Payload,
  folder: string,
  args: readonly string[] = [],
  place?: Place,
): Client {
  return startMillrace(['download', payload.torrent, '--output', folder, ...args], place);
}

/** Our command line with these arguments, when it has ended, however. */
export async function runMillrace(args: readonly string[]): Promise<Client> {
  const client = new Client([...millraceCommand(), ...args], { cwd: ROOT });
  await client.exited(TRANSFER_MS);
  return client;
}

/** Downloads with our command line until it exits 0. */
export async function downloadWithMillrace(
  payload: Payload,
  folder: string,
  args: readonly string[] = [],
): Promise<Client> {
  const command = ['download', payload.torrent, '--output', folder, '--stall-timeout', '30'];
  const client = startMillrace([...command, ...args]);
  await client.succeeded(TRANSFER_MS);
  return client;
}

/**
 * Starts `millrace share`; returns the words of the command that it prints for the other machine.
 */
export async function shareWithMillrace(
  path: string,
  place: Place,
): Promise<{ readonly client: Client; readonly command: readonly string[] }> {
  const client = startMillrace(['share', path, '--host', place.address], place);
  await client.until('its line', READY_MS, () => eventsOf(client, 'shared').length > 0);
  const [shared] = eventsOf(client, 'shared');
  return { client, command: String(shared?.command).split(' ') };
}

/** Runs the command that a share printed, in another place and into its own folder. */
export function followShare(command: readonly string[], folder: string, place: Place): Client {
  const [, ...args] = command;
  return startMillrace([...args, '--output', folder, '--stall-timeout', '60'], place);
}

/** Starts `millrace seed`; resolves once the tracker has answered it. */
export async function seedWithMillrace(payload: Payload, place?: Place): Promise<Client> {
  const client = startMillrace(['seed', payload.torrent, '--data', payload.folder], place);
  await client.until('an answer of the tracker', READY_MS, () =>
    eventsOf(client, 'tracker').some(({ ok }) => ok === true),
  );
  return client;
}

// ---- libtorrent ----

const LIBTORRENT = ['/usr/bin/python3', join(ROOT, 'spec/interop/libtorrent-client.py')];

/** `more`: `encrypted` for a client that requires encryption. */
export async function seedWithLibtorrent(
  payload: Payload,
  host = '127.0.0.1',
  more: readonly string[] = [],
): Promise<Client> {
  const client = new Client([
    ...LIBTORRENT,
    'seed',
    payload.torrent,
    payload.folder,
    host,
    ...more,
  ]);
  await client.untilPrinted(/^listening \d+$/m, READY_MS);
  return client;
}

/** A libtorrent that downloads without a tracker and knows one peer at most, by its port. It dials again after `reconnectSec`. */
export async function libtorrentExchange(
  payload: Payload,
  folder: string,
  known: number | undefined,
  reconnectSec: number,
): Promise<Client> {
  const script = join(ROOT, 'spec/interop/libtorrent-exchange.py');
  const more = [String(reconnectSec), ...(known === undefined ? [] : [String(known)])];
  const client = new Client(['/usr/bin/python3', script, payload.torrent, folder, ...more]);
  await client.untilPrinted(/^listening \d+$/m, READY_MS);
  return client;
}

/** A libtorrent that knows a magnet link and the port of one peer, and ends when it has everything. */
export async function libtorrentMagnet(
  link: string,
  folder: string,
  peerPort: number,
): Promise<Client> {
  const script = join(ROOT, 'spec/interop/libtorrent-magnet.py');
  const client = new Client(['/usr/bin/python3', script, link, folder, String(peerPort)]);
  await client.untilPrinted(/^listening \d+$/m, READY_MS);
  return client;
}

export function libtorrentPort(client: Client): number {
  return Number(/^listening (\d+)$/m.exec(client.output)?.[1]);
}

export function libtorrentDownload(payload: Payload, folder: string): Client {
  return new Client([...LIBTORRENT, 'download', payload.torrent, folder, '127.0.0.1']);
}

export async function downloadWithLibtorrent(payload: Payload, folder: string): Promise<void> {
  await libtorrentDownload(payload, folder).succeeded(TRANSFER_MS);
}

// ---- aria2 ----

/** `source`: a .torrent or a magnet link. */
export async function startAria2(
  source: string,
  folder: string,
  more: readonly string[],
): Promise<Client> {
  const alone = ['--no-conf', '--enable-dht=false', '--enable-dht6=false', '--bt-enable-lpd=false'];
  const files = [`--dir=${folder}`, '--file-allocation=none', '--follow-torrent=false'];
  const port = `--listen-port=${await freePort()}`;
  return new Client(['aria2c', ...alone, ...files, port, ...more, source]);
}

export async function seedWithAria2(
  payload: Payload,
  more: readonly string[] = [],
): Promise<Client> {
  const seeding = ['--bt-seed-unverified=true', '--seed-ratio=0.0'];
  return startAria2(payload.torrent, payload.folder, [...seeding, ...more]);
}

/**
 * aria2 uses UDP trackers only with its DHT on; the DHT has no entry node here, so it finds no
 * peers.
 */
export async function aria2OverUdp(folder: string): Promise<readonly string[]> {
  const port = await freePort();
  const file = join(folder, `dht-${port}.dat`);
  return ['--enable-dht=true', `--dht-file-path=${file}`, `--dht-listen-port=${port}`];
}

export async function downloadWithAria2(
  payload: Payload,
  folder: string,
  more: readonly string[] = [],
): Promise<void> {
  await (
    await startAria2(payload.torrent, folder, ['--seed-time=0', ...more])
  ).succeeded(TRANSFER_MS);
}

// ---- Transmission ----

/** Its data is surely on disk only after it exits, so it is stopped once it has everything. */
export async function downloadWithTransmission(
  payload: Payload,
  folder: string,
  place: Place,
): Promise<void> {
  const settings = join(folder, '..', 'transmission');
  await mkdir(settings, { recursive: true });
  await mkdir(folder, { recursive: true });
  const off = ['dht-enabled', 'lpd-enabled', 'port-forwarding-enabled', 'utp-enabled'];
  const json = JSON.stringify(Object.fromEntries(off.map((name) => [name, false])));
  await writeFile(join(settings, 'settings.json'), json);
  const port = String(await freePort());
  const client = new Client(
    ['transmission-cli', '-g', settings, '-w', folder, '-p', port, '-M', payload.torrent],
    { place },
  );
  await client.untilPrinted(/Seeding/, TRANSFER_MS);
  await client.stop();
}
