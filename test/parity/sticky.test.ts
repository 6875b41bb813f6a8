import type { ServerResponse } from 'node:http'
import t from 'tap'
import type { Test } from 'tap'
import streamGateway from '../../src/index.js'
import { call, gatewayOver, start } from '../fixtures/gateway.js'
import type { Response } from '../fixtures/gateway.js'
import { targets } from '../fixtures/targets.js'
import type { TestTarget } from '../fixtures/targets.js'

const STICKY = { cookie: 'gw', secret: '0123456789abcdef' }

type List = [string, ...string[]]

const urls = (all: readonly TestTarget[]): List => {
  const [first = '', ...others] = all.map(({ url }) => url)
  return [first, ...others]
}

/** What a client sends back. */
function cookieOf ({ headers }: Response): string {
  const [set = ''] = headers['set-cookie'] ?? []
  return set.slice(0, set.indexOf(';'))
}

async function held (t: Test, count: number, upstream: object): Promise<{ all: TestTarget[], ask: (cookie?: string) => Promise<Response> }> {
  const all = await targets(t, count)
  const { port } = await gatewayOver(t, urls(all), { sticky: STICKY, ...upstream })
  return { all, ask: async (cookie = 'other=1') => await call(port, '/api/x', { headers: { cookie } }) }
}

t.test('whatever balances, a client stays where it is', async t => {
  for (const balance of ['round-robin', 'least-requests', 'random', { hash: 'ip' as const }] as const) {
    const { ask } = await held(t, 4, { balance })
    for (let client = 0; client < 4; client++) {
      const first = await ask()
      const cookie = cookieOf(first)
      for (let nth = 0; nth < 3; nth++) t.equal(String((await ask(cookie)).body), String(first.body), JSON.stringify(balance))
    }
  }
})

t.test('a cookie that the gateway has not made is none: garbage, too long, of another upstream', async t => {
  const { ask } = await held(t, 2, { balance: 'round-robin' })
  const elsewhere = await held(t, 2, { sticky: { ...STICKY, secret: 'another one of 16' } })
  const foreign = cookieOf(await elsewhere.ask())
  for (const cookie of ['gw=', 'gw=garbage', `gw=${'x'.repeat(4_000)}`, foreign]) {
    const response = await ask(cookie)
    t.equal(response.status, 200)
    t.match(cookieOf(response), /^gw=[\w-]{43}$/, cookie.slice(0, 20))
  }
})

t.test('an upstream without sticky sets no cookie; two of them have each their own', async t => {
  const all = await targets(t, 4)
  const { port } = await start(t, async app => await app.register(streamGateway, {
    upstreams: {
      one: { targets: urls(all.slice(0, 2)), sticky: { ...STICKY, cookie: 'one' } },
      two: { targets: urls(all.slice(2)), sticky: { ...STICKY, cookie: 'two' } },
      plain: { targets: urls(all) }
    },
    routes: ['one', 'two', 'plain'].map(name => ({ prefix: `/${name}`, upstream: name }))
  }))
  t.match((await call(port, '/one')).headers['set-cookie'], [/^one=/])
  t.match((await call(port, '/two')).headers['set-cookie'], [/^two=/])
  t.equal((await call(port, '/plain')).headers['set-cookie'], undefined)
})

t.test('nobody is kept where nothing responds: 502 without a cookie', async t => {
  const { all, ask } = await held(t, 1, {})
  const cookie = cookieOf(await ask())
  for (const target of all) await target.stop()
  for (const sent of [undefined, cookie]) {
    const response = await ask(sent)
    t.equal(response.status, 502)
    t.equal(response.headers['set-cookie'], undefined)
  }
})

t.test('a client whose target fails is kept by the one that took over', async t => {
  const { all, ask } = await held(t, 2, { ejection: false })
  const first = await ask()
  await all.find((_, nth) => 'ab'.charAt(nth) === String(first.body))?.stop()
  const moved = await ask(cookieOf(first))
  t.not(String(moved.body), String(first.body))
  const again = await ask(cookieOf(moved))
  t.strictSame([String(again.body), again.headers['set-cookie']], [String(moved.body), undefined])
})

t.test('a listed status is tried elsewhere, each target once, also for a client that has a cookie', async t => {
  const all = await targets(t, 2)
  for (const balance of ['round-robin', 'least-requests', { hash: 'ip' as const }] as const) {
    const { port } = await gatewayOver(t, urls(all), { balance, sticky: STICKY }, { retry: { attempts: 5, on: [404] } })
    for (const target of all) target.handler = undefined
    const cookie = cookieOf(await call(port, '/api/x'))
    for (const target of all) target.handler = (_request, response) => { response.writeHead(404).end() }
    const before = all.map(({ requests }) => requests.length)
    t.equal((await call(port, '/api/x', { headers: { cookie } })).status, 404)
    t.strictSame(all.map(({ requests }, nth) => requests.length - (before[nth] ?? 0)), [1, 1], JSON.stringify(balance))
  }
})

t.test('a target that is full gives its client away for now', async t => {
  const { all, ask } = await held(t, 2, { maxConcurrent: 1 })
  const first = await ask()
  const cookie = cookieOf(first)
  const open: ServerResponse[] = []
  for (const target of all) target.handler = (_request, response) => { open.push(response) }
  const asked = [ask(cookie), ask(cookie)]
  while (open.length < 2) await new Promise(resolve => setImmediate(resolve))
  t.strictSame(all.map(({ requests }) => requests.length).sort(), [1, 2])
  for (const response of open) response.end()
  await Promise.all(asked)
})

t.test('a target that goes gives its clients to the others, and ends what it has', async t => {
  const all = await targets(t, 2)
  const [a, b] = all
  if (a === undefined || b === undefined) return
  const { port, app } = await gatewayOver(t, [a.url], { sticky: STICKY })
  const cookie = cookieOf(await call(port, '/api/x'))
  const open: ServerResponse[] = []
  a.handler = (_request, response) => { open.push(response) }
  const last = call(port, '/api/x', { headers: { cookie } })
  while (open.length === 0) await new Promise(resolve => setImmediate(resolve))
  app.gateway.upstream('app')?.setTargets([b.url])
  const moved = await call(port, '/api/x', { headers: { cookie } })
  t.equal(String(moved.body), 'b')
  t.match(cookieOf(moved), /^gw=/)
  open[0]?.end('a')
  t.equal(String((await last).body), 'a')
})

t.test('the addresses of a name are targets that a client stays with', async t => {
  const all = await targets(t, 1)
  const [a] = all
  if (a === undefined) return
  const { port } = await gatewayOver(t, [a.url.replace('127.0.0.1', 'localhost')], { dns: {}, sticky: STICKY })
  const cookie = cookieOf(await call(port, '/api/x'))
  t.match(cookie, /^gw=/)
  t.strictSame((await call(port, '/api/x', { headers: { cookie } })).headers['set-cookie'], undefined)
})
