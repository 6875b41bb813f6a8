import t from 'tap'
import type { Test } from 'tap'
import { Discovery } from '../../../src/upstream/discovery/discovery.js'
import type { DiscoveryOptions } from '../../../src/upstream/discovery/discovery.js'
import { dnsServer } from '../../fixtures/dns.js'
import type { DnsServer } from '../../fixtures/dns.js'
import { discovery, NEVER } from './found.js'

/** Looks up every few milliseconds. */
const QUICK: Partial<DiscoveryOptions> = { type: 'a', refresh: 5, leastPause: 1 }

async function looked (server: DnsServer, times: number): Promise<void> {
  await server.count(server.asked.length + times)
}

t.test('told when the set changes, whatever its order; what is gone is not in it', async t => {
  const server = await dnsServer(t)
  server.set('app.example', ['10.0.0.1', '10.0.0.2'])
  const { told, discovery: one } = discovery(t, { ...QUICK, resolver: server.resolver })
  await one.start()
  server.set('app.example', ['10.0.0.2', '10.0.0.1'])
  await looked(server, 3)
  server.set('app.example', ['10.0.0.3', '10.0.0.1'])
  await told.count(2)
  server.set('app.example', ['10.0.0.1'])
  await told.count(3)
  t.strictSame(told.lines, ['found 10.0.0.1:80 10.0.0.2:80', 'found 10.0.0.1:80 10.0.0.3:80', 'found 10.0.0.1:80'])
})

t.test('a change of weight or priority is one', async t => {
  const server = await dnsServer(t)
  server.set('a.example', ['10.0.0.1'])
  server.set('b.example', ['10.0.0.2'])
  const services = [{ name: 'a.example', port: 80, weight: 1 }, { name: 'b.example', port: 80, weight: 1 }]
  server.setServices('app.example', services)
  const { told, discovery: one } = discovery(t, { ...QUICK, type: 'srv', resolver: server.resolver })
  await one.start()
  server.setServices('app.example', services.map(service => ({ ...service, weight: service.name === 'a.example' ? 2 : 1 })))
  await told.count(2)
  server.setServices('app.example', services.map(service => ({ ...service, priority: service.name === 'a.example' ? 0 : 1 })))
  await told.count(3)
  t.strictSame(told.lines, ['found 10.0.0.1:80 10.0.0.2:80', 'found 10.0.0.1:80*2 10.0.0.2:80', 'found 10.0.0.1:80 10.0.0.2:80 (backup)'])
})

t.test('a look-up that fails keeps what was known, and is told once when it begins and once when it ends', async t => {
  const server = await dnsServer(t)
  server.set('app.example', ['10.0.0.1'])
  const { told, discovery: one } = discovery(t, { ...QUICK, resolver: server.resolver })
  await one.start()
  server.remove('app.example')
  await told.count(2)
  await looked(server, 3)
  server.set('app.example', ['10.0.0.1'])
  await told.count(3)
  await looked(server, 2)
  server.set('app.example', [])
  await told.count(4)
  server.set('app.example', ['10.0.0.2'])
  await told.count(6)
  t.strictSame(told.lines, [
    'found 10.0.0.1:80', 'failed: queryA ENOTFOUND app.example', 'recovered', 'failed: queryA ENODATA app.example', 'recovered', 'found 10.0.0.2:80'
  ])
})

t.test('a server that does not respond is waited for no longer than the bound', async t => {
  const server = await dnsServer(t)
  server.silentFor = /^A /
  const { told, discovery: one } = discovery(t, { ...QUICK, resolver: server.resolver, timeout: 30 })
  await one.start()
  t.strictSame(told.lines, ['failed: the look-up of app.example had no response within 30 ms'])
  server.silentFor = undefined
  server.set('app.example', ['10.0.0.1'])
  await told.count(3)
  t.strictSame(told.lines.slice(1), ['recovered', 'found 10.0.0.1:80'])
})

t.test('who asks for nothing but addresses needs no word of recovery', async t => {
  const server = await dnsServer(t)
  let failed = (): void => {}
  let found = (): void => {}
  const fails = new Promise<void>(resolve => { failed = resolve })
  const finds = new Promise<void>(resolve => { found = resolve })
  const one = new Discovery({ host: 'app.example', port: 80, refresh: 5, leastPause: 1, type: 'a', resolver: server.resolver }, { found, failed })
  t.teardown(() => one.close())
  await one.start()
  await fails
  server.set('app.example', ['10.0.0.1'])
  await finds
})

t.test('the next look-up: by the shorter of refresh and the time to live, sooner after a failure, with some jitter', async t => {
  const server = await dnsServer(t)
  for (const [refresh, ttl, chance, expected] of [
    [30_000, 300, 0.5, 30_000],
    [30_000, 300, 0, 27_000],
    [30_000, 300, 1, 33_000],
    [30_000, 7, 0.5, 7_000],
    [30_000, 0, 0.5, 1_000],
    [500, 300, 0.5, 1_000]
  ] as const) {
    server.set('app.example', ['10.0.0.1'], ttl)
    t.strictSame(await pauses(t, 1, { refresh, type: 'a', resolver: server.resolver }, chance), [expected], `${refresh}, ${ttl}, ${chance}`)
  }
  server.remove('app.example')
  t.strictSame(await pauses(t, 7, { refresh: 30_000, type: 'a', resolver: server.resolver }, 0.5), [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000])
  server.setServices('app.example', [{ name: 'a.example', port: 80 }, { name: 'b.example', port: 80 }], 3)
  server.set('a.example', ['10.0.0.1'], 20)
  server.set('b.example', ['10.0.0.2'], 10)
  t.strictSame(await pauses(t, 1, { refresh: 30_000, type: 'srv', resolver: server.resolver }, 0.5), [10_000])
  t.strictSame(await pauses(t, 1, { refresh: 30_000, host: 'localhost' }, 0.5), [30_000])
})

/** For how long it waits between its look-ups; all but its bound of 5 s is over at once. */
async function pauses (t: Test, times: number, options: Partial<DiscoveryOptions>, chance: number): Promise<number[]> {
  const found: number[] = []
  const { setTimeout } = globalThis
  let enough = (): void => {}
  const all = new Promise<void>(resolve => { enough = resolve })
  const restore = t.intercept(globalThis, 'setTimeout', {
    value: Object.assign((run: (...all: unknown[]) => void, delay: number, ...all: unknown[]) => {
      if (delay === 5_000) return setTimeout(run, delay, ...all)
      found.push(delay)
      if (found.length === times) enough()
      return setTimeout(run, found.length < times ? 0 : NEVER, ...all)
    }, setTimeout)
  })
  const { discovery: one } = discovery(t, options, () => chance)
  await one.start()
  await all
  one.close()
  restore.restore()
  return found
}

t.test('closed, it asks no more and tells nothing more, also of what it has asked', async t => {
  const server = await dnsServer(t)
  server.set('app.example', ['10.0.0.1'])
  const { told, discovery: one } = discovery(t, { ...QUICK, resolver: server.resolver })
  const before = timers()
  await one.start()
  t.equal(timers(), before, 'nothing keeps the process alive')
  one.close()
  const { told: others, discovery: other } = discovery(t, { ...QUICK, resolver: server.resolver })
  const asked = server.asked.length
  await other.start()
  await server.count(asked + 3)
  other.close()
  t.strictSame([...told.lines, ...others.lines], ['found 10.0.0.1:80', 'found 10.0.0.1:80'])

  server.silentFor = /^A /
  const resolver = server.resolver()
  const ask = resolver.resolve4.bind(resolver)
  const asked4: Array<Promise<unknown>> = []
  const { told: none, discovery: waiting } = discovery(t, {
    ...QUICK,
    resolver: () => Object.assign(resolver, {
      resolve4: async (host: string, options: { ttl: true }) => {
        const records = ask(host, options)
        asked4.push(records)
        return await records
      }
    })
  })
  const started = waiting.start()
  await looked(server, 1)
  waiting.close()
  await started
  t.strictSame(none.lines, [])
  t.equal(asked4.length, 1)
  for (const records of asked4) await t.rejects(records, { code: 'ECANCELLED' }, 'nothing is asked still')
})

function timers (): number {
  return process.getActiveResourcesInfo().filter(kind => kind === 'Timeout').length
}
