import type { ServerResponse } from 'node:http'
import t from 'tap'
import { call, gatewayOver } from '../fixtures/gateway.js'
import type { Response } from '../fixtures/gateway.js'
import { targets } from '../fixtures/targets.js'
import type { TestTarget } from '../fixtures/targets.js'

type List = [string, ...string[]]

const urls = (all: readonly TestTarget[]): List => {
  const [first = '', ...others] = all.map(({ url }) => url)
  return [first, ...others]
}

const turn = async (): Promise<void> => await new Promise(resolve => setImmediate(resolve))

const statusIs = (status: number) => (_request: unknown, response: ServerResponse): void => { response.writeHead(status).end('sorry') }

const TURNS = { balance: 'round-robin' as const, slowStart: 0 }

t.test('a status that is listed: each target is asked once, and is not down for a 404', async t => {
  const all = await targets(t, 2)
  const [a, b] = all
  if (a === undefined || b === undefined) return
  const { port, app } = await gatewayOver(t, urls(all), { ...TURNS, ejection: { after: 1 } }, { retry: { attempts: 5, on: [404, 500] } })
  a.handler = statusIs(404)
  for (let nth = 0; nth < 4; nth++) t.equal(String((await call(port, '/api/x')).body), 'b')
  t.equal(app.gateway.upstream('app')?.targets[0]?.state, 'available', 'whoever asks for what is nowhere takes no target out of use')
  b.handler = statusIs(404)
  const before = a.requests.length + b.requests.length
  t.match(await call(port, '/api/x'), { status: 404, body: Buffer.from('sorry') })
  t.equal(a.requests.length + b.requests.length, before + 2)
})

t.test('it is down for a 500', async t => {
  const all = await targets(t, 2)
  const [a] = all
  if (a === undefined) return
  const { port } = await gatewayOver(t, urls(all), { ...TURNS, ejection: { after: 1 } }, { retry: { on: [500] } })
  a.handler = statusIs(500)
  for (let nth = 0; nth < 2; nth++) t.equal(String((await call(port, '/api/x')).body), 'b')
  a.handler = undefined
  const seen = a.requests.length
  for (let nth = 0; nth < 4; nth++) t.equal(String((await call(port, '/api/x')).body), 'b')
  t.equal(a.requests.length, seen)
})

t.test('no more tries than asked for, backups counted in', async t => {
  const all = await targets(t, 3)
  for (const target of all) target.handler = statusIs(404)
  const [first = '', ...others] = urls(all)
  for (const backup of [false, true]) {
    const { port } = await gatewayOver(t, [first, ...others.map(url => ({ url, backup }))], TURNS, { retry: { attempts: 1, on: [404] } })
    const before = all.flatMap(({ requests }) => requests).length
    t.equal((await call(port, '/api/x')).status, 404)
    t.equal(all.flatMap(({ requests }) => requests).length, before + 2)
  }
})

/** Asks without waiting for responses, which targets hold until `release`. */
async function held (t: Parameters<typeof gatewayOver>[0], all: readonly TestTarget[], port: number, count: number, reach: number): Promise<Response[]> {
  const open: ServerResponse[] = []
  for (const [nth, target] of all.entries()) target.handler = (_request, response) => { open.push(response.setHeader('x-target', 'abc'.charAt(nth))) }
  const asked: Array<Promise<Response>> = []
  for (let nth = 0; nth < count; nth++) {
    asked.push(call(port, '/api/x'))
    while (open.length < Math.min(nth + 1, reach)) await turn()
  }
  t.equal(open.length, reach, 'and no more')
  while (open.length > 0 || asked.length > 0) {
    for (const response of open.splice(0)) response.end()
    const done = await Promise.race([Promise.all(asked), turn()])
    if (done !== undefined) return done
  }
  return []
}

const shares = (responses: readonly Response[]): Record<string, number> => {
  const counts: Record<string, number> = {}
  for (const { headers: { 'x-target': name }, status } of responses) counts[String(name ?? status)] = (counts[String(name ?? status)] ?? 0) + 1
  return counts
}

t.test('with a bound, what a target has no room for goes to the others, then to a backup, and then waits', async t => {
  const all = await targets(t, 2)
  const [a, b] = all
  if (a === undefined || b === undefined) return
  for (const balance of ['round-robin', 'least-requests', 'random', { hash: 'ip' as const }] as const) {
    const over = await gatewayOver(t, urls(all), { balance, maxConcurrent: 2 })
    t.strictSame(Object.values(shares(await held(t, all, over.port, 4, 4))), [2, 2], JSON.stringify(balance))
    const backed = await gatewayOver(t, [a.url, { url: b.url, backup: true }], { balance, maxConcurrent: 2 })
    t.match(shares(await held(t, all, backed.port, 4, 4)), { a: 2, b: 2 }, JSON.stringify(balance))
  }
  const waiting = await gatewayOver(t, urls(all), { maxConcurrent: 1 })
  t.equal((await held(t, all, waiting.port, 4, 2)).filter(({ status }) => status === 200).length, 4)
})

t.test('a key whose target is down goes to another one, and comes back; other keys stay', async t => {
  const all = await targets(t, 3)
  const { port } = await gatewayOver(t, urls(all), { balance: { hash: 'header:x-a' }, ejection: { after: 1, for: 50 }, slowStart: 0 })
  const ask = async (): Promise<string[]> => {
    const names: string[] = []
    for (let key = 0; key < 20; key++) names.push(String((await call(port, '/api/x', { headers: { 'x-a': String(key) } })).body))
    return names
  }
  const before = await ask()
  t.strictSame([...new Set(before)].sort(), ['a', 'b', 'c'])
  t.strictSame(await ask(), before)
  await all[1]?.stop()
  const without = await ask()
  for (const [key, name] of before.entries()) {
    if (name === 'b') t.match(without[key], /^[ac]$/)
    else t.equal(without[key], name)
  }
  await all[1]?.start()
  for (let now = await ask(); now.join('') !== before.join(''); now = await ask()) await turn()
})

t.test('by the address of the client, as a trusted proxy tells it, of either family', async t => {
  const all = await targets(t, 3)
  const { port } = await gatewayOver(t, urls(all), { balance: { hash: 'ip' } }, {}, {}, { trustProxy: true })
  for (const address of [(nth: number) => `203.0.113.${nth}`, (nth: number) => `2001:db8:${nth}::1`]) {
    const names = new Set<string>()
    for (let nth = 0; nth < 20; nth++) {
      const ask = async (): Promise<string> => String((await call(port, '/api/x', { headers: { 'x-forwarded-for': address(nth) } })).body)
      const name = await ask()
      names.add(name)
      t.equal(await ask(), name)
    }
    t.strictSame([...names].sort(), ['a', 'b', 'c'])
  }
})
