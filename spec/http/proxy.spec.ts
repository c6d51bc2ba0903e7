import { expect } from 'chai';
import { proxyFor, proxyFromEnvironment } from '../../lib/http/proxy';

function route(url: string, env: Record<string, string>): string {
  const proxy = proxyFor(new URL(url), proxyFromEnvironment(env));
  return proxy instanceof URL ? proxy.href : (proxy ?? 'direct');
}

describe('http: proxy from the environment', () => {
  const env = { http_proxy: 'http://p:3128', HTTPS_PROXY: 'q:8080' };

  it('one for each scheme, in lower or upper case, with or without http://', () => {
    expect(route('http://t/a', env)).to.equal('http://p:3128/');
    expect(route('https://t/a', env)).to.equal('http://q:8080/');
    expect(route('https://t/a', { all_proxy: 'http://r' })).to.equal('http://r/');
    expect(route('http://t/a', {})).to.equal('direct');
    expect(route('http://t/a', { http_proxy: ' ' })).to.equal('direct');
  });

  it('is never gone round for a proxy that we do not speak', () => {
    expect(route('http://t/a', { ALL_PROXY: 'socks5://p:1080' })).to.equal('unsupported');
    expect(route('http://t/a', { http_proxy: 'http://[' })).to.equal('unsupported');
  });

  it('takes no HTTP_PROXY from a CGI request', () => {
    expect(route('http://t/a', { HTTP_PROXY: 'http://p', REQUEST_METHOD: 'GET' })).to.equal(
      'direct',
    );
    expect(route('http://t/a', { HTTP_PROXY: 'http://p' })).to.equal('http://p/');
  });

  it('leaves this machine and what no_proxy names alone', () => {
    for (const local of ['localhost', '127.0.0.1', '127.9.9.9', '[::1]']) {
      expect(route(`http://${local}:80/a`, env), local).to.equal('direct');
    }
    const noProxy = 'example.org, .internal,10.0.0.0/8 [fd00::1],192.0.2.7:6969 *.wild';
    const cases: readonly (readonly [string, boolean])[] = [
      ['http://example.org/a', true],
      ['http://t.example.org/a', true],
      ['http://badexample.org/a', false],
      ['http://x.internal/a', true],
      ['http://a.wild/a', true],
      ['http://10.255.1.2/a', true],
      ['http://11.0.0.1/a', false],
      ['http://[fd00::1]/a', true],
      ['http://[fd00::2]/a', false],
      ['http://192.0.2.7:6969/a', true],
      ['http://192.0.2.7/a', false],
    ];
    for (const [url, direct] of cases) {
      const proxy = direct ? 'direct' : 'http://p:3128/';
      expect(route(url, { ...env, no_proxy: noProxy }), url).to.equal(proxy);
    }
    expect(route('http://t/a', { ...env, NO_PROXY: '*' })).to.equal('direct');
  });
});
