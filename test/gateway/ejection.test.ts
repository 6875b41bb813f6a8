import type { RequestListener, ServerResponse } from 'node:http'
import type { Test } from 'tap'
import t from 'tap'
import type { TargetChange } from '../../src/index.js'
import { call, gatewayOver } from '../fixtures/gateway.js'
import type { Started } from '../fixtures/gateway.js'
import { targets } from '../fixtures/targets.js'
import type { TestTarget } from '../fixtures/targets.js'

const TURNS = { balance: 'round-robin' as const, slowStart: 0 }

async function two (t: Test, upstream: object = {}, route: object = {}): Promise<Started & { a: TestTarget, b: TestTarget, states: () => string[] }> {
  const [a, b] = await targets(t, 2)
  if (a === undefined || b === undefined) throw new Error('asked for two')
  const gateway = await gatewayOver(t, [a.url, b.url], { ...TURNS, ejection: { after: 2, for: 60_000 }, ...upstream }, { retry: false, ...route })
  return { ...gateway, a, b, states: () => gateway.app.gateway.upstream('app')?.targets.map(({ state }) => state) ?? [] }
}

async function ask (port: number, times: number): Promise<number[]> {
  const statuses: number[] = []
  for (let i = 0; i < times; i++) statuses.push((await call(port, '/api/x')).status)
  return statuses
}

const failures: Record<string, RequestListener> = {
  '5xx': (_, response) => response.writeHead(503).end(),
  resets: request => request.socket.resetAndDestroy(),
  'responses that break off': (request, response) => {
    response.writeHead(200, { 'content-length': 10 })
    response.write('half', () => request.socket.destroy())
  },
  'what is no HTTP': request => request.socket.end('nonsense\r\n\r\n')
}

for (const [name, handler] of Object.entries(failures)) {
  t.test(`a target is ejected after failures in a row: ${name}`, async t => {
    const { port, a, b, states, lines } = await two(t)
    a.handler = handler
    for (let i = 0; i < 4; i++) await call(port, '/api/x').catch(() => {})
    t.strictSame(states(), ['ejected', 'available'])
    t.strictSame(await ask(port, 3), [200, 200, 200])
    t.equal(a.requests.length, 2)
    t.equal(b.requests.length, 5)
    const [line] = lines.filter(({ state }) => state !== undefined)
    t.match(line, { level: 40, msg: 'a target is left alone', upstream: 'app', target: a.url, state: 'ejected', reason: /^2 failures in a row, the last: / })
  })
}

t.test('a target is ejected when no connection comes about, and when it is silent', async t => {
  const dead = await two(t)
  await dead.a.stop()
  await ask(dead.port, 4)
  t.strictSame(dead.states(), ['ejected', 'available'])

  const silent = await two(t, {}, { timeout: 50 })
  silent.a.handler = () => {}
  t.strictSame((await ask(silent.port, 4)).sort(), [200, 200, 504, 504])
  t.strictSame(silent.states(), ['ejected', 'available'])
})

t.test('a success in between begins the count anew', async t => {
  const { port, a, states } = await two(t)
  let count = 0
  a.handler = (_, response) => response.writeHead(++count % 2 === 0 ? 200 : 500).end()
  await ask(port, 8)
  t.strictSame(states(), ['available', 'available'])
})

t.test('what a client cancels is not the target\'s fault', async t => {
  const { port, a, states, nextLine } = await two(t, { ejection: { after: 1, for: 60_000 } })
  const held: ServerResponse[] = []
  a.handler = (_, response) => { held.push(response) }
  for (let i = 0; i < 2; i++) {
    const line = nextLine()
    const controller = new AbortController()
    const asked = fetch(`http://127.0.0.1:${port}/api/x`, { signal: controller.signal }).catch(() => {})
    if (i === 0) while (held.length === 0) await new Promise(resolve => setImmediate(resolve))
    controller.abort()
    await asked
    await line
  }
  t.strictSame(states(), ['available', 'available'])
})

t.test('never more than maxEjected: with too few left, all are asked', async t => {
  const { port, a, b, states } = await two(t)
  await a.stop()
  await b.stop()
  await ask(port, 8)
  t.strictSame(states().sort(), ['available', 'ejected'])
  const only = await targets(t, 1)
  const alone = await gatewayOver(t, [String(only[0]?.url)], { ...TURNS, ejection: { after: 1 } }, { retry: false })
  await only[0]?.stop()
  t.strictSame(await ask(alone.port, 3), [502, 502, 502])
  t.match(alone.app.gateway.upstream('app')?.targets, [{ state: 'available' }])
  await only[0]?.start()
  t.strictSame(await ask(alone.port, 1), [200])
})

t.test('where all are out, all are asked', async t => {
  const { port, a, b } = await two(t, { ejection: { after: 1, for: 60_000, maxEjected: 1 } })
  await a.stop()
  await b.stop()
  t.strictSame(await ask(port, 2), [502, 502])
  await a.start()
  await b.start()
  t.strictSame(await ask(port, 2), [200, 200])
})

t.test('its time over, a target gets one request at a time until one succeeds', async t => {
  const { port, a, b, states, app } = await two(t, { ejection: { after: 1, for: 20 } }, { retry: { on: ['reset'] } })
  const changes: TargetChange[] = []
  app.gateway.events.on('target', change => changes.push(change))
  a.handler = request => request.socket.destroy()
  await ask(port, 2)
  t.strictSame(states(), ['ejected', 'available'])
  const probes = a.requests.length

  const held: ServerResponse[] = []
  a.handler = (_, response) => { held.push(response) }
  const waiting: Promise<unknown>[] = []
  while (held.length === 0) {
    waiting.push(call(port, '/api/x'))
    await new Promise(resolve => setTimeout(resolve, 5))
  }
  await ask(port, 4)
  t.equal(a.requests.length, probes + 1, 'no other while one is on its way')
  t.strictSame(states(), ['ejected', 'available'])
  held[0]?.end()
  await Promise.all(waiting)
  t.strictSame(states(), ['available', 'available'])
  t.strictSame(changes.map(({ state, reason }) => [state, reason]), [['ejected', '1 failures in a row, the last: ECONNRESET'], ['available', 'it responds again']])
  a.handler = undefined
  const before = b.requests.length
  await ask(port, 4)
  t.equal(b.requests.length, before + 2)
})

t.test('a target that fails again is out for twice as long', async t => {
  const { port, a, app } = await two(t, { ejection: { after: 1, for: 20 } }, { retry: { on: ['reset'] } })
  const times: number[] = []
  app.gateway.events.on('target', () => { times.push(performance.now()) })
  a.handler = request => request.socket.destroy()
  while (times.length < 4) {
    t.equal((await call(port, '/api/x')).status, 200)
    await new Promise(resolve => setTimeout(resolve, 1))
  }
  const [first = 0, second = 0, third = 0, fourth = 0] = times
  // A timer may be a millisecond early by this clock.
  t.ok(second - first >= 18)
  t.ok(third - second >= 38)
  t.ok(fourth - third >= 78)
})

t.test('a request that cannot be tried elsewhere is no probe while there are others', async t => {
  const { port, a, b, states } = await two(t, { ejection: { after: 1, for: 200 } }, { retry: { on: ['reset'] } })
  a.handler = request => request.socket.destroy()
  await ask(port, 2)
  t.strictSame(states(), ['ejected', 'available'])
  const probes = a.requests.length
  const started = performance.now()
  // On probation from 200 ms on; a POST is one only 200 ms later.
  while (a.requests.length === probes) {
    await call(port, '/api/x', { method: 'POST' })
    await new Promise(resolve => setTimeout(resolve, 5))
  }
  t.ok(performance.now() - started >= 380)
  t.ok(b.requests.length > 10)
})

t.test('ejection: false leaves everything as it is', async t => {
  const { port, a, states } = await two(t, { ejection: false })
  await a.stop()
  await ask(port, 20)
  t.strictSame(states(), ['available', 'available'])
})

t.test('a target that comes back gets its share little by little', async t => {
  const { port, a, b } = await two(t, { slowStart: 60_000, ejection: { after: 1, for: 10 } }, { retry: { on: ['reset'] } })
  a.handler = request => request.socket.destroy()
  await ask(port, 2)
  a.handler = undefined
  const ejected = a.requests.length
  while (a.requests.length === ejected) await ask(port, 1)
  const [fromA, fromB] = [a.requests.length, b.requests.length]
  await ask(port, 22)
  // Within one of a tenth: whose turn it is depends on what was before.
  t.ok(a.requests.length - fromA <= 3)
  t.ok(b.requests.length - fromB >= 19)
})

t.test('an exchange that is over when its target is gone from the upstream ejects nobody', async t => {
  const { port, a, b, app } = await two(t, { ejection: { after: 1, for: 10, maxEjected: 1 } })
  const held: ServerResponse[] = []
  a.handler = (_, response) => { held.push(response) }
  b.handler = a.handler
  const waiting = [call(port, '/api/x'), call(port, '/api/x')]
  while (held.length < 2) await new Promise(resolve => setImmediate(resolve))
  app.gateway.upstream('app')?.setTargets([b.url])
  const changes: TargetChange[] = []
  const ejected = new Promise<void>(resolve => app.gateway.events.on('target', change => {
    changes.push(change)
    if (change.state === 'ejected') resolve()
  }))
  for (const response of held) response.writeHead(500).end()
  await Promise.all(waiting)
  await ejected
  t.match(changes, [{ target: a.url, state: 'draining' }, { target: b.url, state: 'ejected' }])
})
