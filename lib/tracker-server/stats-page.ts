// PURE. The tracker's counters as one small HTML page without scripts.

import type { TrackerServerStats } from './tracker';

/** The page; every value is escaped. */
export function statsPage(stats: TrackerServerStats): string {
  const rows: readonly (readonly [string, string | number])[] = [
    ['Up', `${stats.uptimeSec} s`],
    ['Torrents', stats.torrents],
    ['Peers', stats.peers],
    ['Seeds', stats.seeds],
    ['Downloads completed', stats.completed],
    ['Announces over HTTP', stats.announces.http],
    ['Announces over UDP', stats.announces.udp],
    ['Scrapes over HTTP', stats.scrapes.http],
    ['Scrapes over UDP', stats.scrapes.udp],
    ['UDP connection ids', stats.connects],
    ['Refused: asked too often', stats.refused.tooFast],
    ['Refused: torrent not on the list', stats.refused.notListed],
    ['Answered, but no room for the peer', stats.refused.full],
    ['Refused: malformed', stats.refused.malformed],
    ['Refused: connection id mismatch', stats.refused.badConnectionId],
  ];
  const body = rows.map(([name, value]) => row(name, String(value))).join('\n');
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="refresh" content="10">
<title>Millrace tracker</title>
<style>body{font:16px sans-serif;margin:2em}td{padding:.2em 1em}td+td{text-align:right}</style>
<h1>Millrace tracker</h1>
<table>
${body}
</table>
<p>The same as <a href="stats.json">JSON</a>.</p>
</html>
`;
}

function row(name: string, value: string): string {
  return `<tr><td>${escapeHtml(name)}</td><td>${escapeHtml(value)}</td></tr>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}
