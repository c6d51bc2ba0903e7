// Why a peer connection ended: stable codes for events, `--json` output and the redial policy.

/** Each code, with its rule or event. docs/CLOSE-REASONS.md explains them further. */
export const CLOSE_REASONS = {
  // Ordinary ends.
  'remote-closed': 'the peer closed the connection',
  'connection-error': 'the operating system reported an error on the connection',
  'dial-failed': 'the peer could not be reached',
  'dial-timeout': 'the peer did not accept the connection in time',
  'plain-refused':
    'the peer took the connection and closed it at our plain handshake: most that do so speak only encrypted connections',
  'handshake-timeout': 'the peer did not complete the handshake in time',
  'idle-timeout': 'the peer sent nothing, not even a keep-alive, for too long',
  silent:
    'the only peer that serves us let all requests time out twice, and sent nothing else: it is dialled again',
  'not-reading': 'the peer did not read what it was sent, and held memory that others needed',
  'not-useful': 'both sides have every piece',
  'torrent-closed': 'the torrent was paused, removed or completed without seeding',
  'torrent-failed': 'the torrent stopped because of an error of its own, such as missing data',
  'shutting-down': 'the engine is closing',
  'thread-died': 'the peer thread that owned the connection died',
  'local-limit':
    'this machine had no file descriptor or memory left for the connection: no fault of the peer',
  'no-address':
    'the address or interface that the engine is bound to was not there: no fault of the peer',
  // Local policy.
  'too-many-connections': 'a connection limit was reached',
  'gave-way':
    'all places were taken, and a peer of another address needed this one: it was of no use, or its address held more than its share',
  'ip-filter': 'the IP filter refuses the address of the peer',
  'duplicate-peer': 'this peer is already connected',
  'same-address':
    'another peer at this address is connected, and multiplePerAddress does not allow that',
  'self-connection': 'the peer is this very engine',
  'private-torrent':
    'the torrent is private, and the tracker that it uses has not named this peer (BEP 27)',
  banned: 'the peer sent data that failed its hash check',
  // Rules of the protocol that the peer broke.
  'encrypted-handshake':
    'the first byte was not 19: an encrypted handshake, which is not supported',
  'bad-handshake': 'the handshake is not that of the BitTorrent protocol (BEP 3)',
  'wrong-info-hash': 'the peer handshook with an info hash that is not served here',
  'message-too-long': 'a message is longer than any that this torrent can need (BEP 3)',
  'bad-message': 'a message has a wrong length or content for its type (BEP 3)',
  'bad-bitfield': 'a bitfield has the wrong length (BEP 3)',
  'bad-piece-index': 'a message names a piece that the torrent does not have (BEP 3)',
  'bad-request': 'a request is empty, longer than 128 KiB, or reaches out of its piece (BEP 3)',
  'request-flood': 'the peer keeps more requests outstanding than we announced (reqq, BEP 10)',
  'unrequested-piece': 'the peer sends blocks that were never asked for (BEP 3)',
  'fast-not-announced':
    'the peer sends messages of the fast extension without announcing it (BEP 6)',
  'unrequested-reject': 'the peer rejects a request that was never sent (BEP 6)',
  'bad-extended-message': 'an extended message is not a bencoded dictionary (BEP 10)',
  'pex-flood':
    'the peer sends messages of peer exchange far more often than once a minute (BEP 11)',
} as const;

export type CloseReason = keyof typeof CLOSE_REASONS;
