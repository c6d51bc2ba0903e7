import { expect } from 'chai';
import {
  SECRET_KEYS,
  URL_KEYS,
  maskBytes,
  maskText,
  redactUrl,
  redactValue,
  secretsOf,
  withoutSecrets,
} from '../../lib/text/redact';

describe('tracker: URLs in logs', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['http://t.example:6969/announce', 'http://t.example:6969/announce'],
    ['http://t/announce.php?passkey=0123456789abcdef', 'http://t/announce.php?passkey=012…'],
    ['https://t/0123456789abcdef0123/announce', 'https://t/012…/announce'],
    ['http://t/ab12cd34/announce', 'http://t/…/announce'],
    ['http://user:secret@t/announce', 'http://…@t/announce'],
    ['http://t/a?0123456789abcdef&x=1#frag', 'http://t/a?012…&x=…'],
    ['udp://t:80', 'udp://t:80'],
    ['http://[::1]:80/announce', 'http://[::1]:80/announce'],
  ];
  for (const [url, shown] of cases) {
    it(`shows ${shown}`, () => expect(redactUrl(url)).to.equal(shown));
  }

  it('takes the secrets of a URL out of what others wrote, and nothing else', () => {
    const url = 'http://somebody:s3cret-word@t/0123456789abcdef/announce?key=a%2Fb0123456&x=1';
    const text = 'somebody s3cret-word 0123456789abcdef a%2Fb0123456 a/b0123456 announce 1 x key';
    expect(withoutSecrets(text, url)).to.equal('… … 012… a%2… … announce 1 x key');
    expect(withoutSecrets('unknown passkey', 'http://t/announce?passkey=%zz')).to.equal(
      'unknown passkey',
    );
    expect(withoutSecrets('announce', 'udp://t:80/announce')).to.equal('announce');
  });

  it('takes anything, and stays printable and short', () => {
    expect(redactUrl('')).to.equal('');
    expect(redactUrl('no url\u001b[2J').includes('\u001b')).to.equal(false);
    expect(redactUrl(`http://${'a/'.repeat(50_000)}`).length).to.be.at.most(201);
  });
});

describe('tracker: secrets of a URL', () => {
  const URL_OF_US =
    'http://user:pass%40word@t.example/0123456789abcdef/announce?passkey=ABCDEF&x=1&bare-secret';

  it('are what redacting cuts out, longest first, also unescaped', () => {
    expect(secretsOf(URL_OF_US)).to.deep.equal([
      '0123456789abcdef',
      'pass%40word',
      'bare-secret',
      'pass@word',
      'ABCDEF',
      'user',
    ]);
    expect(secretsOf('udp://t.example:80/announce')).to.deep.equal([]);
    expect(secretsOf('http://t.example/announce?key=12345&other=12345678', ['key'])).to.deep.equal([
      '12345678',
    ]);
    expect(secretsOf('not a URL')).to.deep.equal([]);
  });

  it('are masked in text and bytes without changing their length', () => {
    const text = 'GET /0123456789abcdef/announce?passkey=ABCDEF&left=1 ABCDEF';
    const masked = 'GET /****************/announce?passkey=******&left=1 ******';
    expect(maskText(text, secretsOf(URL_OF_US))).to.equal(masked);
    const bytes = Buffer.from(text);
    expect(Buffer.from(maskBytes(bytes, secretsOf(URL_OF_US))).toString()).to.equal(masked);
    expect(bytes.toString()).to.equal(text);
    expect(maskBytes(bytes, [])).to.equal(bytes);
  });
});

describe('secrets under their keys', () => {
  it('remove every secret, and keep the part of a URL that identifies it', () => {
    for (const key of SECRET_KEYS) expect(redactValue(key, 'http://t.example/x')).to.equal('…');
    for (const key of URL_KEYS) {
      expect(redactValue(key, 'http://u:p@t.example/x')).to.equal('http://…@t.example/x');
      expect(redactValue(key, { href: 'http://t.example' })).to.equal('…');
    }
  });
});
