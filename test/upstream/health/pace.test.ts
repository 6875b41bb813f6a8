import { setTimeout as pause } from 'node:timers/promises'
import type { ServerResponse } from 'node:http'
import t from 'tap'
import { HealthChecks } from '../../../src/upstream/health/health-checks.js'
import { gone, rawService, service } from '../../fixtures/peers.js'
import { checks, http, NEVER, options, Told } from './told.js'

/** A service with these statuses, one after another; how often it was asked when what was told. */
async function scripted (t: Parameters<typeof service>[0], statuses: number[], lines: number): Promise<string[]> {
  let asked = 0
  const { port } = await service(t, (_request, response) => response.writeHead(statuses[asked++] ?? 200).end())
  const told = new Told()
  const seen: string[] = []
  const some = new HealthChecks<string>(options({ interval: 2, healthyAfter: 2, unhealthyAfter: 3 }), {
    healthy: (target, reason) => {
      seen.push(`${asked} healthy`)
      told.healthy(target, reason)
    },
    unhealthy: (target, reason) => {
      seen.push(`${asked} unhealthy`)
      told.unhealthy(target, reason)
    }
  })
  t.teardown(() => some.close())
  await some.add('a', http(port))
  t.equal(seen.length, 1, 'the first verdict is told when it is awaited')
  await told.count(lines)
  return seen
}

t.test('the first check decides at once, later ones by so many in a row', async t => {
  t.strictSame(
    await scripted(t, [200, 200, 503, 503, 200, 503, 503, 503, 503, 200, 503, 200, 200], 3),
    ['1 healthy', '8 unhealthy', '13 healthy'])
  t.strictSame(await scripted(t, [503, 503, 503, 503, 200, 200], 2), ['1 unhealthy', '6 healthy'])
})

t.test('one check at a time, and one that takes longer than the interval is followed at once', async t => {
  let running = 0
  let most = 0
  let asked = 0
  let enough: () => void = () => {}
  const asked5 = new Promise<void>(resolve => { enough = resolve })
  const { port } = await service(t, (_request, response) => {
    running++
    most = Math.max(most, running)
    setTimeout(() => {
      running--
      response.end()
      if (++asked === 5) enough()
    }, 10)
  })
  const { told, checks: some } = checks(t, { interval: 1 })
  await some.add('a', http(port))
  await asked5
  t.equal(most, 1)
  t.strictSame(told.lines, ['a healthy: status 200'])
})

t.test('targets that come together part: a phase of their own, and a tenth either way', async t => {
  const { port } = await service(t, (_request, response) => response.end())
  const delays: number[] = []
  const { setTimeout } = globalThis
  let wake: () => void = () => {}
  // Those of an interval end at once.
  t.intercept(globalThis, 'setTimeout', {
    value: Object.assign((run: (...all: unknown[]) => void, delay: number, ...all: unknown[]) => {
      if (delay <= 5_000) return setTimeout(run, delay, ...all)
      delays.push(delay)
      wake()
      return setTimeout(run, 0, ...all)
    }, setTimeout)
  })
  const began = performance.now()
  const chances = [0.25, 0, 1, 0.5]
  const { checks: some } = checks(t, { interval: NEVER }, () => chances.shift() ?? 0.5)
  await some.add('a', http(port))
  while (delays.length < 4) await new Promise<void>(resolve => { wake = resolve })
  const elapsed = performance.now() - began
  for (const [nth, expected] of [NEVER / 4, NEVER * 0.9, NEVER * 1.1, NEVER].entries()) {
    const delay = delays[nth] ?? NaN
    t.ok(delay <= expected && delay > expected - elapsed, `${delay}, ${expected}`)
  }
})

t.test('a target that is removed is checked no more, and a check that runs is broken off', async t => {
  const responses: ServerResponse[] = []
  let arrived: () => void = () => {}
  const { port } = await service(t, (_request, response) => {
    responses.push(response)
    arrived()
  })
  const { told, checks: some } = checks(t)
  const first = some.add('a', http(port))
  await new Promise<void>(resolve => { arrived = resolve })
  some.remove('a')
  await first
  const [response] = responses
  if (response !== undefined && !response.destroyed) await gone(response)
  t.strictSame(told.lines, [])
  some.remove('never added')

  // Added once more, one that runs gives way.
  const second = some.add('a', http(port))
  const third = some.add('a', http(port))
  await second
  while (responses.length < 2) await new Promise<void>(resolve => { arrived = resolve })
  for (const response of responses) response.end()
  await third
  t.strictSame(told.lines, ['a healthy: status 200'])
})

t.test('who removes a target when it is told is not told again', async t => {
  let asked = 0
  const { port } = await service(t, (_request, response) => {
    asked++
    response.end()
  })
  const once = new HealthChecks<string>(options({ interval: 1 }), { healthy: target => once.remove(target), unhealthy: () => {} })
  await once.add('a', http(port))
  const { checks: other } = checks(t, { interval: 1 })
  const before = asked
  await other.add('b', http(port))
  other.close()
  await pause(10)
  t.equal(asked, before + 1)
})

t.test('after close nothing is left: no connection, no timer; a timer that waits keeps no process alive', async t => {
  const { port } = await service(t, (_request, response) => response.end())
  const silent = await rawService(t, socket => socket.resume().once('end', () => socket.end()))
  const before = timers()
  const { told, checks: some } = checks(t)
  await some.add('a', http(port))
  t.equal(timers(), before)
  const waiting = ['b', 'c'].map(async target => await some.add(target, http(silent.port)))
  while (silent.sockets.length < 2) await pause(1)
  some.close()
  await Promise.all(waiting)
  await Promise.all(silent.sockets.map(gone))
  t.equal(timers(), before)
  t.strictSame(told.lines, ['a healthy: status 200'])
  some.close()
})

function timers (): number {
  return process.getActiveResourcesInfo().filter(kind => kind === 'Timeout').length
}
