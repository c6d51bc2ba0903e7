// Third-party clients that start a download which no peer has yet, and wait. They find peers only
// through the tracker.

import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../free-port';
import { libtorrentDownload, startAria2 } from './clients';
import type { Payload } from './payload';
import { Client } from './process';

/** A download under way. */
export interface Waiting {
  readonly client: Client;
  /** Resolves when the client reports that it has everything and has written it. */
  whole(deadlineMs: number): Promise<void>;
}

/** Starts a download of `payload` into `folder`; other files of the client go into `home`. */
export type StartWaiting = (payload: Payload, folder: string, home: string) => Promise<Waiting>;

/** It is whole once it has ended by itself. */
const untilEnd = (client: Client): Waiting => ({
  client,
  whole: (deadlineMs) => client.succeeded(deadlineMs),
});

export const waitWithLibtorrent: StartWaiting = async (payload, folder) =>
  untilEnd(libtorrentDownload(payload, folder));

export const waitWithAria2: StartWaiting = async (payload, folder) =>
  untilEnd(await startAria2(payload.torrent, folder, ['--seed-time=0']));

/** Settings of qBittorrent 4.5, without a password for clients on this machine. */
function qbittorrentSettings(port: number, webPort: number): string {
  return [
    '[LegalNotice]',
    'Accepted=true',
    '[Preferences]',
    'WebUI\\Address=127.0.0.1',
    `WebUI\\Port=${webPort}`,
    'WebUI\\LocalHostAuth=false',
    '[Network]',
    'PortForwardingEnabled=false',
    '[BitTorrent]',
    `Session\\Port=${port}`,
    'Session\\BTProtocol=TCP',
    'Session\\DHTEnabled=false',
    'Session\\LSDEnabled=false',
    'Session\\PeXEnabled=false',
    'Session\\MultiConnectionsPerIp=true',
    'Session\\AddTorrentPaused=false',
    'Session\\Preallocation=false',
    '',
  ].join('\n');
}

export const waitWithQbittorrent: StartWaiting = async (payload, folder, home) => {
  const [port, webPort] = [await freePort(), await freePort()];
  const config = join(home, 'qBittorrent', 'config');
  await mkdir(config, { recursive: true });
  await writeFile(join(config, 'qBittorrent.conf'), qbittorrentSettings(port, webPort));
  const client = new Client(
    ['qbittorrent-nox', `--profile=${home}`, `--save-path=${folder}`, payload.torrent],
    { env: { HOME: home } },
  );
  const hasEverything = async (): Promise<boolean> => {
    const url = `http://127.0.0.1:${webPort}/api/v2/torrents/info`;
    const reply = await fetch(url).catch(() => undefined); // It may not listen yet.
    if (reply?.ok !== true) return false;
    const [torrent] = (await reply.json()) as { readonly progress: number }[];
    return torrent?.progress === 1;
  };
  return {
    client,
    whole: async (deadlineMs) => {
      await client.until('the whole torrent', deadlineMs, hasEverything);
      await client.stop(); // Its data is on disk for sure only after its end.
    },
  };
};

export const waitWithRtorrent: StartWaiting = async (payload, folder, home) => {
  const port = await freePort();
  const done = join(home, 'done');
  const settings = join(home, 'rtorrent.rc');
  await mkdir(folder, { recursive: true });
  const lines = [
    'system.daemon.set = true', // It needs no terminal then.
    `session.path.set = ${home}`,
    `directory.default.set = ${folder}`,
    `network.port_range.set = ${port}-${port}`,
    'network.port_random.set = no',
    'dht.mode.set = disable',
    'protocol.pex.set = no',
    'trackers.use_udp.set = no',
    `method.set_key = event.download.finished, done, "execute.nothrow=touch,${done}"`,
    `load.start = ${payload.torrent}`,
    '',
  ];
  await writeFile(settings, lines.join('\n'));
  const client = new Client(['rtorrent', '-n', '-o', `import=${settings}`], {
    env: { HOME: home },
  });
  return {
    client,
    whole: async (deadlineMs) => {
      await client.until('the whole torrent', deadlineMs, () => existsSync(done));
      await client.stop();
    },
  };
};
