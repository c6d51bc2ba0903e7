// PURE. Derives from findings a verdict and one sentence with advice. The functions are in the
// order of the questions: did peers connect, did peers respond, are peers known.

import { hostPort } from '../address/text';
import type {
  ClockFinding,
  DnsFinding,
  Finding,
  MetadataFinding,
  PeerFinding,
  PeerOutcome,
  PiecesFinding,
  PortFinding,
  SpaceFinding,
  TrackerFinding,
  Verdict,
  WriteFinding,
} from './findings';
import { countOrNo, formatRanges } from '../text/counts';
import { roughBytes, roughDuration } from '../text/quantities';
import { NAME_CAUSES, causeText, shortageText } from './causes';

export interface Judgement {
  readonly verdict: Verdict;
  /** One sentence for the user: the problem, and what to do. */
  readonly advice: string;
}

interface Facts {
  readonly trackers: readonly TrackerFinding[];
  readonly dns: readonly DnsFinding[];
  readonly peers: readonly PeerFinding[];
  readonly pieces: PiecesFinding | undefined;
  readonly metadata: MetadataFinding | undefined;
  readonly space: SpaceFinding | undefined;
  readonly write: WriteFinding | undefined;
  readonly port: PortFinding | undefined;
  readonly clock: ClockFinding | undefined;
  /** Trackers that returned counts or peers. */
  readonly answering: readonly TrackerFinding[];
  /** The highest count of one tracker; undefined if none counts. */
  readonly seeds: number | undefined;
}

export function judge(findings: readonly Finding[]): Judgement {
  const judgement = judgeFacts(factsOf(findings));
  if (judgement.verdict === 'alive') return judgement;
  // Without descriptors or memory, failed checks show nothing about the torrent.
  const shortage = shortageOf(findings);
  return shortage === undefined ? judgement : unknown(`Cannot tell: ${shortage}; then try again.`);
}

function shortageOf(findings: readonly Finding[]): string | undefined {
  for (const finding of findings) {
    const shortage = 'cause' in finding ? shortageText(finding.cause) : undefined;
    if (shortage !== undefined) return shortage;
  }
  return undefined;
}

function judgeFacts(facts: Facts): Judgement {
  const { pieces, metadata } = facts;
  if (metadata !== undefined && metadata.talkingPeers > 0) return judgeMetadata(facts, metadata);
  if (pieces !== undefined && pieces.talkingPeers > 0) {
    return pieces.missingPieces === 0 ? alive(facts, pieces) : incomplete(facts, pieces);
  }
  if (facts.peers.length > 0) return nobodyTalks(facts);
  return nobodyKnown(facts);
}

function factsOf(findings: readonly Finding[]): Facts {
  const all = <Check extends Finding['check']>(check: Check) =>
    findings.filter((each): each is Extract<Finding, { check: Check }> => each.check === check);
  const trackers = all('tracker');
  const counts = trackers.flatMap(({ seeds }) => seeds ?? []);
  return {
    trackers,
    dns: all('dns'),
    peers: all('peer'),
    pieces: all('pieces')[0],
    metadata: all('metadata')[0],
    space: all('space')[0],
    write: all('write')[0],
    port: all('port')[0],
    clock: all('clock')[0],
    answering: trackers.filter(({ state, known }) => state === 'answers' || known === true),
    seeds: counts.length === 0 ? undefined : Math.max(...counts),
  };
}

/** Peers of a magnet link connected; how many pieces there are is not known. */
function judgeMetadata(facts: Facts, metadata: MetadataFinding): Judgement {
  const { talkingPeers, offeringPeers, wholePeers } = metadata;
  if (offeringPeers === 0) {
    const who = talkingPeers === 1 ? 'the peer' : `none of the ${talkingPeers} peers`;
    const lacks = talkingPeers === 1 ? 'does not have' : 'has';
    return unknown(
      `Cannot tell: ${who} that answered ${lacks} the metadata of this magnet link; try again later, or get the .torrent.`,
    );
  }
  if (wholePeers > 0) return alive(facts, metadata);
  return unknown(
    `Cannot tell: ${countOrNo(offeringPeers, 'peer')} with the metadata answered, but none with every piece; start the download, which finds out what is missing.`,
  );
}

/** Connected peers have every piece: remaining problems are on this machine. */
function alive(
  { answering, space, write, port, clock }: Facts,
  pieces: Pick<PiecesFinding, 'talkingPeers' | 'wholePeers'>,
): Judgement {
  const say = (advice: string): Judgement => ({ verdict: 'alive', advice });
  const shortage = shortageText(write?.cause) ?? shortageText(port?.cause);
  if (shortage !== undefined) {
    return say(`The torrent is alive, but not everything could be checked: ${shortage}.`);
  }
  if (write?.level === 'fail') {
    const why = causeText(write.cause ?? 'it cannot be written');
    return say(
      `The torrent is alive, but nothing can be written to ${write.folder} (${why}); choose another output folder or change its permissions.`,
    );
  }
  if (space?.level === 'fail') {
    const [free, missing] = [roughBytes(space.freeBytes ?? 0), roughBytes(space.missingBytes)];
    return say(
      `The torrent is alive, but ${space.folder} has ${free} free where ${missing} are missing; make room or choose another output folder.`,
    );
  }
  if (port?.level === 'fail') {
    return say(
      `The torrent is alive, but port ${port.port} cannot be used (${causeText(port.cause ?? '')}); choose another port, or peers cannot connect to you.`,
    );
  }
  if (clock?.level === 'warn')
    return say(`The torrent is alive; start the download, and ${setClock(clock)}.`);
  if (space?.missingBytes === 0) {
    return say(
      'The torrent is alive, and its files are there in full length; verify them, or start the download to mend what is wrong.',
    );
  }
  const { talkingPeers, wholePeers } = pieces;
  const who =
    wholePeers > 0
      ? `${countOrNo(wholePeers, 'peer')} with every piece answered`
      : `the ${talkingPeers} peers that answered have every piece between them`;
  const how = answering.length > 0 ? '' : ' and name those peers by hand, as no tracker names any';
  return say(`The torrent is alive (${who}); start the download${how}.`);
}

/** Peers connected, and together they lack pieces. */
function incomplete(facts: Facts, pieces: PiecesFinding): Judgement {
  const { trackers, answering, seeds } = facts;
  const { missingPieces, pieceCount, missing, knownPeers, triedPeers, talkingPeers } = pieces;
  const noun = missingPieces === 1 ? 'piece' : 'pieces';
  const share = missingPieces === pieceCount ? 'any piece' : `${noun} ${formatRanges(missing)}`;
  const lack = `none of the ${countOrNo(talkingPeers, 'peer')} that answered has ${share}`;
  if (seeds !== undefined && seeds > 0) {
    return unknown(
      `Cannot tell: trackers count ${countOrNo(seeds, 'seed')}, but ${lack}; try again with a larger sample of peers, or later.`,
    );
  }
  if (knownPeers > triedPeers) {
    return unknown(
      `Cannot tell: ${lack}, and ${knownPeers - triedPeers} known peers were not tried; try again with a larger sample of peers.`,
    );
  }
  if (answering.length === 0) {
    return unknown(
      `Cannot tell: ${lack}, and no tracker answers that could name others; see what the trackers said, or name more peers.`,
    );
  }
  const only = encryptedOnly(facts.peers);
  if (only !== undefined) return unknown(`Cannot tell: ${lack}, and ${only}; try another client.`);
  if (triedPeers > talkingPeers) {
    const mute = triedPeers - talkingPeers;
    return unknown(
      `Cannot tell: ${lack}, and ${mute === 1 ? '1 other' : `${mute} others`} did not answer; try again later.`,
    );
  }
  const leechers = leechersOf(trackers);
  if (leechers > knownPeers) {
    return unknown(
      `Cannot tell: ${lack}, and of the ${countOrNo(leechers, 'leecher')} that a tracker counts only ${knownPeers} ${knownPeers === 1 ? 'is' : 'are'} known; try again in a few minutes.`,
    );
  }
  const doubt = doubtOf(trackers);
  if (doubt !== undefined) return unknown(`Cannot tell: ${lack}, and ${doubt}.`);
  return dead(
    `The torrent is dead for now: ${lack} and no tracker counts a seed; ask someone who has the data to seed it.`,
  );
}

/** Most peers listed in a sentence; the findings have all of them. */
const MAX_NAMED = 5;

/**
 * Formats `3 of 5 peers speak only encrypted connections, …: A, B, C`; undefined if there is none.
 */
function encryptedOnly(tried: readonly PeerFinding[]): string | undefined {
  const only = tried.filter(({ outcome }) => outcome === 'encrypted');
  if (only.length === 0) return undefined;
  const names = only.slice(0, MAX_NAMED).map(({ host, port }) => hostPort(host, port));
  const rest = only.length > MAX_NAMED ? ` and ${only.length - MAX_NAMED} more` : '';
  const verb = only.length === 1 ? 'speaks' : 'speak';
  return `${only.length} of ${countOrNo(tried.length, 'peer')} ${verb} only encrypted connections, which Millrace does not do yet: ${names.join(', ')}${rest}`;
}

/** Peers are known, and none completed a handshake for this torrent. */
function nobodyTalks({ peers: tried, seeds }: Facts): Judgement {
  const count = (...outcomes: PeerOutcome[]): number =>
    tried.filter(({ outcome }) => outcomes.includes(outcome)).length;
  const of = tried.length === 1 ? 'the one peer tried' : `all ${tried.length} peers tried`;
  const none = tried.length === 1 ? of : `none of the ${tried.length} peers tried`;
  if (count('other-torrent') === tried.length) {
    return unknown(
      `Cannot tell: ${of} served another torrent; check that this .torrent is the right and current one.`,
    );
  }
  const only = encryptedOnly(tried);
  if (only !== undefined) {
    return unknown(
      `Cannot tell: ${only}; try another client, or name a peer that takes plain connections.`,
    );
  }
  const encrypted = count('not-plain');
  if (encrypted > 0 && encrypted >= count('closed', 'silent', 'breaks-rules')) {
    return unknown(
      `Cannot tell: peers are there, but they do not answer in plain BitTorrent (encryption is not supported yet); try another client, or name a peer that takes plain connections.`,
    );
  }
  if (count('closed', 'silent', 'breaks-rules', 'other-torrent') > 0) {
    return unknown(
      `Cannot tell: peers are there, but they end the connection before they say what they have (full, or they want encryption or ban you); try again later.`,
    );
  }
  const refused = count('refused');
  const what = tried.length === 1 ? `${none} did not take` : `${none} took`;
  const rest =
    refused === tried.length
      ? 'nobody listens there any more: try again when trackers have newer addresses'
      : 'if other torrents fail as well, your firewall or provider is in the way, else try again later';
  const hope = seeds === 0 ? ' and no tracker counts a seed' : '';
  return unknown(`Cannot tell: ${what} a connection${hope}; ${rest}.`);
}

/** No peer is known: only the trackers give evidence. */
function nobodyKnown(facts: Facts): Judgement {
  const { trackers, answering, seeds } = facts;
  if (trackers.length === 0) {
    return unknown(
      'Cannot tell: the torrent names no tracker, and peers come from trackers only; name a peer that has it.',
    );
  }
  const leechers = leechersOf(trackers);
  if ((seeds ?? 0) + leechers > 0) {
    const counted = seeds ? countOrNo(seeds, 'seed') : countOrNo(leechers, 'leecher');
    const next = refusalOf(trackers) ?? 'try again in a few minutes';
    return unknown(`Cannot tell: a tracker counts ${counted} but names no peer; ${next}.`);
  }
  const doubt = doubtOf(trackers);
  if (doubt !== undefined) return unknown(`Cannot tell: ${doubt}.`);
  if (answering.length > 0) {
    // A tracker that returns no peer looks the same as one that does not know the torrent.
    const strange = answering.every(({ known }) => known === false);
    const which = strange ? 'do not know it' : 'name no peer and count no seed';
    const some =
      answering.length < trackers.length ? ` (${answering.length} of ${trackers.length})` : '';
    return dead(
      `The torrent is dead for now: the trackers that answer${some} ${which}; ask someone who has the data to seed it, or for a newer .torrent.`,
    );
  }
  const gone = trackers.find(({ state, known }) => state === 'refuses' && known === false);
  if (gone !== undefined) {
    return dead(
      `The torrent is dead: its tracker does not serve it ("${gone.reason}"); look for a newer .torrent.`,
    );
  }
  return noTracker(facts);
}

/** No tracker helped: is it the network, the name look-up, the clock, or the trackers? */
function noTracker({ trackers, dns, clock }: Facts): Judgement {
  if (trackers.every(({ state }) => state === 'unsupported')) {
    return unknown(
      'Cannot tell: none of its trackers speaks HTTP, HTTPS or UDP, and peers come from those only; name a peer that has it.',
    );
  }
  const lost = dns.filter(({ level }) => level === 'fail');
  const nameless = trackers.every(
    ({ state, cause = '' }) => state === 'unsupported' || NAME_CAUSES.includes(cause),
  );
  if (lost.length > 0 && nameless) {
    return unknown(
      lost.length === 1 && lost[0]?.cause === 'ENOTFOUND'
        ? `Cannot tell: your DNS says there is no ${lost[0].host}, so the tracker is gone or your DNS blocks it; try another DNS server, or name a peer.`
        : `Cannot tell: your DNS finds none of the trackers' names; check your network connection and your DNS server.`,
    );
  }
  if (clock?.level === 'warn')
    return unknown(`Cannot tell: no tracker answers; ${setClock(clock)}.`);
  const certificate = trackers.some(({ message }) => /certificate/i.test(message));
  if (certificate) {
    return unknown(
      'Cannot tell: a tracker has a certificate that is not accepted; check the date and time of this machine, then ask its owner.',
    );
  }
  const http = trackers.filter(({ code }) => code === 'tracker-http-status').length;
  if (http > 0 && http === trackers.length) {
    return unknown(
      'Cannot tell: the trackers answer with an HTTP error; check the announce URL, or try again later.',
    );
  }
  const which =
    trackers.length === 1
      ? 'its tracker does not answer; if other sites work, it is down or blocked'
      : 'no tracker answers; if other sites work, they are down or blocked';
  return unknown(`Cannot tell: ${which}: try again later or from another network, or name a peer.`);
}

/** The highest count of one tracker. */
function leechersOf(trackers: readonly TrackerFinding[]): number {
  return Math.max(0, ...trackers.map(({ leechers = 0 }) => leechers));
}

/** A tracker that refuses us may still serve the torrent to others. */
function doubtOf(trackers: readonly TrackerFinding[]): string | undefined {
  return refusalOf(trackers.filter(({ known }) => known === undefined));
}

function refusalOf(trackers: readonly TrackerFinding[]): string | undefined {
  const refusing = trackers.find(({ state }) => state === 'refuses');
  if (refusing === undefined) return undefined;
  return `the tracker refuses you ("${refusing.reason}"); do what it says, or get the .torrent from its site anew`;
}

function setClock({ aheadSec = 0 }: ClockFinding): string {
  const off = roughDuration(Math.abs(aheadSec));
  return `set the clock of this machine, which is ${off} ${aheadSec > 0 ? 'ahead' : 'behind'}`;
}

function unknown(advice: string): Judgement {
  return { verdict: 'unknown', advice };
}

function dead(advice: string): Judgement {
  return { verdict: 'dead', advice };
}
