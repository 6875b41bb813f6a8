import t from 'tap'
import { hideSecrets } from '../../src/config/hide-secrets.js'

t.test('what is nobody\'s business is hidden, and nothing else', async t => {
  t.strictSame(hideSecrets({
    server: { tls: { cert: '-----BEGIN CERTIFICATE-----', key: '/etc/key.pem' }, keepAliveTimeout: 5, health: false },
    headers: { request: { set: { Authorization: 'Bearer x', 'x-api-key': 'y', 'x-tenant': 'a' } } },
    auth: { apiKey: { keys: { alice: 'one', bob: ['two'] }, header: 'x-key' }, jwt: { secret: 's' } },
    store: 'redis://user:pass@host:6379',
    cookies: { domain: { a: 'b' } },
    rateLimit: { key: 'ip' },
    routes: [{ target: { host: 'x', port: 1 }, rateLimit: { key: 'ip' }, nothing: null }]
  }), {
    server: { tls: { cert: '***', key: '***' }, keepAliveTimeout: 5, health: false },
    headers: { request: { set: { Authorization: '***', 'x-api-key': '***', 'x-tenant': 'a' } } },
    auth: { apiKey: { keys: { alice: '***', bob: ['***'] }, header: 'x-key' }, jwt: { secret: '***' } },
    store: 'redis://***@host:6379',
    cookies: { domain: { a: 'b' } },
    rateLimit: { key: 'ip' },
    routes: [{ target: { host: 'x', port: 1 }, rateLimit: { key: 'ip' }, nothing: null }]
  })
})
