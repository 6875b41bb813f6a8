import t from 'tap'
import { tryOut } from '../../src/explain/try-out.js'
import { trialOf } from '../fixtures/explain.js'
import { rawService } from '../fixtures/peers.js'

t.test('what is only explained is counted nowhere', async t => {
  const { port, sockets } = await rawService(t, () => {})
  const rateLimit = { max: 1, store: `redis://127.0.0.1:${port}` }
  const trial = trialOf({ rateLimit, routes: [{ prefix: '/api', target: 'http://localhost:1' }, { prefix: '/own', respond: { status: 200 }, rateLimit: { max: 2 } }] })
  t.match(await tryOut(trial, { method: 'GET', target: '/api/x', host: 'localhost', fields: [] }), { forwarded: { route: 0 }, headers: { 'x-ratelimit-remaining': '0' } })
  t.match(await tryOut(trial, { method: 'GET', target: '/own', host: 'localhost', fields: [] }), { status: 200, headers: { 'x-ratelimit-remaining': '1' } })
  t.equal(sockets.length, 0)
})
