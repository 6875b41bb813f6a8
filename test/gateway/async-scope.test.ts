import { AsyncLocalStorage } from 'node:async_hooks'
import t from 'tap'
import streamGateway from '../../src/index.js'
import { call, start } from '../fixtures/gateway.js'
import { service } from '../fixtures/peers.js'
import { Spans } from '../fixtures/spans.js'

const scope = new AsyncLocalStorage<string>()

t.test('what a host has in an AsyncLocalStorage holds through an exchange, on whatever connection', async t => {
  for (const traced of [false, true]) {
    await t.test(traced ? 'with tracing' : 'without', async t => {
      const spans = traced ? new Spans(t) : undefined
      const { port: upstream } = await service(t, (_request, response) => { setImmediate(() => response.end('hello')) })
      const seen: string[] = []
      const note = (place: string, id: unknown): void => { seen.push(`${place} ${String(scope.getStore())} ${scope.getStore() === String(id)}`) }
      let ended = (): void => {}
      const { port } = await start(t, async app => {
        app.addHook('onRequest', (request, _reply, done) => {
          if (request.headers['x-id'] === 'entered') {
            scope.enterWith('entered')
            done()
          } else {
            scope.run(String(request.headers['x-id']), done)
          }
        })
        app.addHook('preHandler', async request => note('preHandler', request.headers['x-id']))
        app.addHook('onSend', async request => note('onSend', request.headers['x-id']))
        app.addHook('onResponse', (request, _reply, done) => {
          note('onResponse', request.headers['x-id'])
          done()
          ended()
        })
        await app.register(streamGateway, {
          routes: [{
            prefix: '/api',
            target: `http://127.0.0.1:${upstream}`,
            onResponse: request => { note('response', request.headers['x-id']) },
            onEnd: ({ request }) => { note('end', request.headers['x-id']) }
          }]
        })
      })
      // One connection to the service carries them all, one after another.
      for (const id of ['1', '2', 'entered', '4']) {
        const isEnded = new Promise<void>(resolve => { ended = resolve })
        t.equal((await call(port, '/api/x', { headers: { 'x-id': id } })).status, 200)
        await isEnded
      }
      t.strictSame([...new Set(seen.map(line => line.split(' ')[0]))].sort(), ['end', 'onResponse', 'onSend', 'preHandler', 'response'])
      t.strictSame(seen.filter(line => !line.endsWith('true')), [])
      t.equal(seen.length, 20)
      if (spans !== undefined) await spans.take(8)
    })
  }
})
