// The version, for the peer id, the extended handshake and `--version`.

export const VERSION = '0.2.0';
