import t from 'tap'
import { hideSecrets } from '../../src/config/hide-secrets.js'
import { checkConfig } from '../../src/config/index.js'
import { mistakesIn, withRoute } from './mistakes.js'

t.test('admin: off where it is absent, and what holds where it is there', async t => {
  t.equal(checkConfig(withRoute()).admin, undefined)
  t.strictSame(checkConfig(withRoute({}, { admin: {} })).admin, { port: 9900, host: '127.0.0.1', hosts: [], maxStreams: 16 })
  t.equal(checkConfig(withRoute({}, { admin: { host: '[::1]' } })).admin?.host, '::1')
  t.equal(checkConfig(withRoute({}, { admin: { token: '${T}' } }), { env: { T: 'abc.-_~+/==' } }).admin?.token, 'abc.-_~+/==') // eslint-disable-line no-template-curly-in-string -- of the environment
})

t.test('admin: each mistake is told', async t => {
  t.strictSame(mistakesIn(withRoute({}, { admin: { port: 65536, host: 'a/b', hosts: ['x:1'], token: 'a b', maxStreams: 0, cors: true } })), [
    'admin.cors: unknown key, must be one of port, host, token, hosts, maxStreams',
    'admin.host: found "a/b", must be the host alone: for a URL, write it as the target itself',
    'admin.hosts[0]: found "x:1", must be the host alone: write the port in "port"',
    'admin.maxStreams: found 0, must be a whole number, 1 or more',
    'admin.port: found 65536, must be a whole number from 0 to 65535',
    'admin.token: found a text, must be a token of letters, digits and "-", "_", ".", "~", "+", "/", with "=" at its end at most'
  ])
  t.strictSame(mistakesIn(withRoute({}, { admin: true })), ['admin: found true, must be an object such as { "port": 9900 }'])
})

t.test('admin.token: required where others can reach it', async t => {
  for (const host of ['127.0.0.1', '127.8.9.10', '::1', '[::1]', 'localhost', 'LocalHost']) t.strictSame(mistakesIn(withRoute({}, { admin: { host } })), [], host)
  for (const host of ['0.0.0.0', '::', '10.0.0.1', 'gateway.internal', '128.0.0.1']) {
    t.strictSame(mistakesIn(withRoute({}, { admin: { host } })), [`admin.token: is missing, must be given where admin.host is no loopback address: others can reach "${host}"`], host)
    t.strictSame(mistakesIn(withRoute({}, { admin: { host, token: 'x' } })), [], host)
  }
})

t.test('admin.token: no error shows it, and no copy of the configuration', async t => {
  t.notMatch(mistakesIn(withRoute({}, { admin: { token: 'confidential secret' } })).join(), 'confidential')
  t.strictSame(hideSecrets({ admin: { token: 'confidential' } }), { admin: { token: '***' } })
})
