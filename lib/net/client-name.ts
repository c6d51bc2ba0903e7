// How we introduce ourselves in the extended handshake (BEP 10, `v`).

/** Name and version as other clients show them; the version is that of package.json. */
export const CLIENT_NAME = 'Millrace 0.1.0';
