import { ADDRCONFIG, promises } from 'node:dns'
import t from 'tap'
import { ordered } from '../../../src/upstream/discovery/address.js'
import { dnsServer } from '../../fixtures/dns.js'
import { discovery, first, NEVER } from './found.js'

t.test('addresses of one family', async t => {
  const server = await dnsServer(t)
  const { resolver } = server
  server.set('app.example', ['10.0.0.2', '10.0.0.1', '2001:db8::2', '10.0.0.2'])
  t.equal(await first(t, { type: 'a', resolver }), 'found 10.0.0.1:80 10.0.0.2:80')
  t.equal(await first(t, { type: 'aaaa', resolver, port: 443 }), 'found 2001:db8::2:443')
  t.strictSame(server.asked, ['A app.example', 'AAAA app.example'])
})

t.test('no address is a failure', async t => {
  const server = await dnsServer(t)
  const { resolver } = server
  server.set('app.example', ['10.0.0.1'])
  t.equal(await first(t, { type: 'aaaa', resolver }), 'failed: queryAaaa ENODATA app.example')
  t.equal(await first(t, { type: 'a', resolver, host: 'none.example' }), 'failed: queryA ENOTFOUND none.example')
})

t.test('services: ports and weights, and backups by priority', async t => {
  const server = await dnsServer(t)
  server.setServices('_http._tcp.app.example', [
    { name: 'c.example', port: 82, priority: 20, weight: 5 },
    { name: 'a.example', port: 80, priority: 10, weight: 3 },
    { name: 'b.example', port: 81, priority: 10, weight: 1 },
    { name: 'd.example', port: 83, priority: 10, weight: 0 },
    { name: 'gone.example', port: 84, priority: 10, weight: 1 }
  ])
  server.set('a.example', ['10.0.0.1'])
  // IPv4 counts where it has one; several share the weight.
  server.set('b.example', ['10.0.1.1', '10.0.1.2', '2001:db8::1'])
  server.set('c.example', ['2001:db8::3'])
  // Another record leads to the same place; the better one counts.
  server.set('d.example', ['10.0.0.4'])
  t.equal(await first(t, { type: 'srv', host: '_http._tcp.app.example', resolver: server.resolver }),
    'found 10.0.0.1:80*3 10.0.0.4:83*0.1 10.0.1.1:81*0.5 10.0.1.2:81*0.5 2001:db8::3:82*5 (backup)')
  t.ok(server.asked.includes('AAAA gone.example'))
  t.notOk(server.asked.includes('AAAA b.example'))
})

t.test('services without weights have the same; one place is one target', async t => {
  const server = await dnsServer(t)
  server.setServices('app.example', [{ name: 'b.example', port: 80, priority: 100 }, { name: 'a.example', port: 80, priority: 9 }, { name: 'a.example', port: 81, priority: 9 }])
  for (const name of ['a.example', 'b.example']) server.set(name, ['10.0.0.1'])
  t.equal(await first(t, { type: 'srv', resolver: server.resolver }), 'found 10.0.0.1:80 10.0.0.1:81')
})

t.test('no service, no service that has an address, and one whose server does not respond, are failures', async t => {
  const server = await dnsServer(t)
  const { resolver } = server
  server.setServices('app.example', [{ name: '.', port: 0 }])
  t.equal(await first(t, { type: 'srv', resolver }), 'failed: no address of app.example was found')
  server.setServices('app.example', [{ name: 'a.example', port: 80 }])
  t.equal(await first(t, { type: 'srv', resolver }), 'failed: no address of app.example was found')
  t.equal(await first(t, { type: 'srv', resolver, host: 'none.example' }), 'failed: querySrv ENOTFOUND none.example')

  server.set('a.example', ['10.0.0.1'])
  server.silentFor = /^A /
  t.equal(await first(t, { type: 'srv', resolver, timeout: 50 }), 'failed: the look-up of app.example had no response within 50 ms')
})

t.test('as the system does it', async t => {
  let asked: unknown[] = []
  let found = [{ address: '10.0.0.2', family: 4 }, { address: '2001:db8::1', family: 6 }, { address: '10.0.0.2', family: 4 }]
  t.intercept(promises, 'lookup', {
    value: async (...all: unknown[]) => {
      asked = all
      return found
    }
  })
  t.equal(await first(t, {}), 'found 10.0.0.2:80 2001:db8::1:80')
  t.strictSame(asked, ['app.example', { all: true, hints: ADDRCONFIG }])
  found = []
  t.equal(await first(t, {}), 'failed: no address of app.example was found')
})

t.test('localhost, by the system\'s own file', async t => {
  t.match(await first(t, { host: 'localhost' }), /^found 127\.0\.0\.1:80/)
})

t.test('a look-up of the system that hangs is given up, and not doubled', async t => {
  let times = 0
  let end: (error: unknown) => void = () => {}
  t.intercept(promises, 'lookup', {
    value: async () => {
      times++
      return await new Promise((_resolve, reject) => { end = reject })
    }
  })
  let looks = 0
  let enough = (): void => {}
  const looked = new Promise<void>(resolve => { enough = resolve })
  const { told, discovery: one } = discovery(t, {
    timeout: 10,
    leastPause: 1,
    refresh: 1,
    resolver: () => {
      if (++looks === 3) enough()
      return new promises.Resolver()
    }
  })
  // As the look-up would do.
  const alive = setInterval(() => {}, NEVER)
  t.teardown(() => clearInterval(alive))
  await one.start()
  t.strictSame(told.lines, ['failed: the look-up of app.example had no response within 10 ms'])
  await looked
  t.equal(times, 1)
  // Not every error is one.
  t.intercept(promises, 'lookup', { value: async () => [{ address: '10.0.0.1', family: 4 }] })
  end('EAI_AGAIN')
  await told.count(3)
  t.strictSame(told.lines.slice(1), ['recovered', 'found 10.0.0.1:80'])
})

t.test('an address stands for itself', async t => {
  t.equal(await first(t, { host: '10.0.0.7', type: 'a' }), 'found 10.0.0.7:80')
  t.equal(await first(t, { host: '::1' }), 'found ::1:80')
})

t.test('no more addresses than a bound, and the same ones whatever their order', async t => {
  const many = Array.from({ length: 300 }, (_, nth) => `10.0.${nth >> 8}.${nth & 255}`)
  const kept = ordered(many, address => address)
  t.equal(kept.length, 256)
  t.strictSame(ordered([...many].reverse(), address => address), kept)
})
