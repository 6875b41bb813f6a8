import { setTimeout as pass } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { BrowserContextOptions } from 'playwright-core'
import t from 'tap'
import type { Test } from 'tap'
import streamGateway from '../../src/index.js'
import { ADMIN, adminPort, TOKEN } from '../fixtures/admin.js'
import { call, start } from '../fixtures/gateway.js'
import { CUT_OFF, giveToken, NO_CHROMIUM, openPage, violations } from '../fixtures/page.js'
import { closedPort, service } from '../fixtures/peers.js'
import { targets } from '../fixtures/targets.js'
import type { TestTarget } from '../fixtures/targets.js'
import { until } from '../fixtures/until.js'

/** Where pictures go; only where they are asked for, as each run makes other ones. */
const PICTURES = process.env.PICTURES === undefined ? undefined : fileURLToPath(new URL('../../docs/', import.meta.url))

/** Milliseconds until a chart is full. */
const CHART = 122_000

t.setTimeout(240_000 + (PICTURES === undefined ? 0 : 2 * CHART))

interface Gateway {
  port: number
  admin: number
  one: TestTarget
  two: TestTarget
}

/** Two upstreams, a route of its own, two that are limited, two that the gateway responds to itself. */
async function gateway (t: Test): Promise<Gateway> {
  const [one, two, three] = await targets(t, 3)
  if (one === undefined || two === undefined || three === undefined) throw new Error('no targets')
  three.handler = (request, response) => {
    request.resume()
    setTimeout(() => response.end('{"total":12}'), 5 + Math.random() * 25)
  }
  const search = await service(t, (_request, response) => {
    response.statusCode = Math.random() < 0.05 ? 500 : 200
    setTimeout(() => response.end('found'), Math.random() * 60)
  })
  const health = { path: '/', interval: '100ms', healthyAfter: 1, unhealthyAfter: 1 }
  const nobody = await closedPort()
  const { port, lines } = await start(t, app => app.register(streamGateway, {
    admin: ADMIN,
    upstreams: { orders: { targets: [one.url, { url: two.url, weight: 2 }], health }, payments: { targets: [three.url] } },
    routes: [
      { prefix: '/api/orders', upstream: 'orders' },
      { prefix: '/api/payments', upstream: 'payments', rateLimit: { max: 400, timeWindow: '10s' } },
      { prefix: '/search', target: `http://127.0.0.1:${search.port}` },
      { prefix: '/legacy', target: `http://127.0.0.1:${nobody}` },
      { prefix: '/docs', redirect: { to: '/search' } },
      { prefix: '/reports', respond: { status: 204 }, rateLimit: { max: 1, timeWindow: '1h' } }
    ]
  }))
  return { port, admin: adminPort(lines), one, two }
}

/** Requests, until it is told to stop. */
function load (t: Test, port: number): () => Promise<void> {
  const until = new AbortController()
  const paths = ['/api/orders/1', '/api/orders/2', '/api/payments/total', '/api/payments/7', '/search?q=x', '/docs']
  const clients = Array.from({ length: 6 }, async (_, client) => {
    for (let nth = 0; !until.signal.aborted; nth++) {
      const path = nth % 97 === 96 ? '/legacy/a' : paths[(nth * 7 + client) % paths.length] ?? '/'
      await call(port, path)
      await pass(10 + 15 * Math.sin(Date.now() / 9_000) ** 2)
    }
  })
  const stop = async (): Promise<void> => {
    until.abort()
    await Promise.all(clients)
  }
  t.teardown(stop)
  return stop
}

t.test('it asks for the token, and keeps it for the tab alone', { skip: NO_CHROMIUM }, async t => {
  const { admin } = await gateway(t)
  const { page, complaints, elsewhere } = await openPage(t, admin)
  t.equal(await page.locator('#state').isVisible(), false)
  t.equal(await page.evaluate('document.activeElement.id'), 'token')
  t.strictSame(complaints, [])
  t.strictSame(await violations(page), [])
  await giveToken(page, 'wrong')
  await page.getByText('That is not the token.').waitFor()
  await giveToken(page)
  await page.getByRole('heading', { name: 'Upstreams' }).waitFor()
  t.equal(await page.getByLabel('Token').isVisible(), false)
  await page.reload()
  await page.getByRole('heading', { name: 'Upstreams' }).waitFor()
  t.equal(await page.evaluate('document.cookie'), '')
  // The browser itself has written down that the first token was wrong.
  t.ok(complaints.every(text => text.includes('401')))
  t.strictSame(elsewhere, [])
})

t.test('a target that dies turns its row within two seconds, and back', { skip: NO_CHROMIUM }, async t => {
  const { admin, one, two } = await gateway(t)
  const { page, complaints } = await openPage(t, admin)
  await giveToken(page)
  const row = page.getByRole('table', { name: 'Targets of orders' }).getByRole('row').filter({ hasText: one.url })
  await row.getByText('available').waitFor()
  t.equal(await row.getAttribute('data-tone'), null)
  const since = Date.now()
  await one.stop()
  await row.getByText('unhealthy').waitFor()
  t.ok(Date.now() - since < 2_000, `${Date.now() - since} ms`)
  t.equal(await row.getAttribute('data-tone'), 'bad')
  t.match(await row.textContent(), /ECONNREFUSED · (?:just now|\d s ago)/)
  t.equal(await page.locator('#notes').isVisible(), false, 'the other one is left')
  await two.stop()
  await page.getByText('Not available: orders').waitFor()
  t.match(await page.title(), '1 problem')
  await one.start()
  await row.getByText('available').waitFor()
  t.strictSame(complaints, [])
})

t.test('figures and charts move under load, and everything is there', { skip: NO_CHROMIUM }, async t => {
  const { port, admin } = await gateway(t)
  const { page, complaints, elsewhere } = await openPage(t, admin)
  await giveToken(page)
  const tile = (name: string) => page.locator(`[data-tile="${name}"]`)
  const line = async (name: string): Promise<string> => String(await tile(name).locator('.stroke').first().getAttribute('d'))
  await tile('Requests').waitFor()
  const stop = load(t, port)
  await tile('Requests').locator('.figure span').filter({ hasText: /^[1-9]/ }).waitFor()
  const before = await Promise.all(['Requests', 'Duration', 'Connections'].map(line))
  await until(async () => (await Promise.all(['Requests', 'Duration', 'Connections'].map(line))).every((now, nth) => now !== before[nth]))
  t.match(await tile('Requests').getByRole('img').getAttribute('aria-label'), /^Requests a second, the last two minutes: requests now \d+(\.\d)?, between /)
  t.match(await tile('Duration').textContent(), / m?s ?p50.*p95 .* m?s.*p99 .* m?s/)
  const routes = page.getByRole('table', { name: 'Routes' })
  await routes.getByRole('row').filter({ hasText: '/api/payments' }).getByText(/ ms$/).first().waitFor()
  t.strictSame((await routes.getByRole('rowheader').or(routes.locator('td.first, td.wide')).allTextContents()).length > 0, true)
  const failures = page.getByRole('table', { name: 'Recent failures' })
  await failures.getByText('ECONNREFUSED').first().waitFor()
  t.match(await failures.getByRole('row').filter({ hasText: '/legacy/a' }).first().textContent(), /502 upstream error.*GET \/legacy\/a.*ECONNREFUSED.*req-/)
  // However slow the load is.
  for (const status of [204, 429]) t.equal((await call(port, '/reports')).status, status)
  await page.getByRole('table', { name: 'Rejected by policy' }).getByText('rate-limit').first().waitFor()
  t.match(await page.getByRole('table', { name: 'Workers' }).textContent(), String(process.pid))
  await page.getByText('As it runs, defaults filled in').click()
  t.match(await page.locator('#configuration').textContent(), /"token": "\*\*\*"/)
  t.notMatch(await page.content(), TOKEN)

  await page.getByRole('button', { name: 'Pause' }).click()
  const held = await page.locator('#tiles').textContent()
  await pass(2_500)
  t.equal(await page.locator('#tiles').textContent(), held)
  await page.getByRole('button', { name: 'Pause' }).click()
  await until(async () => await page.locator('#tiles').textContent() !== held)
  await stop()
  t.strictSame(complaints, [])
  t.strictSame(elsewhere, [])
})

t.test('the gateway goes away, and comes back', { skip: NO_CHROMIUM }, async t => {
  const port = await closedPort()
  const open = async (t: Test): Promise<{ close: () => Promise<void> }> => {
    const { app } = await start(t, app => app.register(streamGateway, { admin: { port }, routes: [{ prefix: '/', target: 'http://127.0.0.1:1' }] }))
    return app
  }
  const app = await open(t)
  const { page } = await openPage(t, port)
  await page.getByText('Live').waitFor()
  await app.close()
  await page.getByText('Connection lost, trying again').waitFor()
  await open(t)
  await page.getByText('Live').waitFor()
  t.equal(await page.locator('body').getAttribute('data-stale'), null)
})

for (const [name, options] of Object.entries<BrowserContextOptions>({
  light: { colorScheme: 'light', viewport: { width: 1280, height: 1000 }, deviceScaleFactor: 1.5 },
  dark: { colorScheme: 'dark', viewport: { width: 1280, height: 1000 }, deviceScaleFactor: 1.5 },
  phone: { colorScheme: 'light', viewport: { width: 360, height: 760 }, deviceScaleFactor: 2 },
  'phone-dark': { colorScheme: 'dark', viewport: { width: 360, height: 760 }, deviceScaleFactor: 2 }
})) {
  t.test(`axe finds nothing wrong, nothing has to be scrolled sideways, and the keyboard reaches it: ${name}`, { skip: NO_CHROMIUM }, async t => {
    const { port, admin, one } = await gateway(t)
    const { page, complaints } = await openPage(t, admin, options)
    await giveToken(page)
    const stop = load(t, port)
    await page.getByRole('table', { name: 'Recent failures' }).getByText('ECONNREFUSED').first().waitFor()
    await one.stop()
    await page.getByText('unhealthy', { exact: true }).waitFor()
    if (PICTURES !== undefined && !name.startsWith('phone')) {
      await pass(CHART)
      await page.screenshot({ path: `${PICTURES}status-${name}.png` })
    }
    await page.getByText('As it runs, defaults filled in').click()
    t.strictSame(await violations(page), [])
    t.ok(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'))
    t.strictSame(await page.evaluate(CUT_OFF), [], 'nothing is cut off')
    await page.evaluate('document.activeElement.blur()')
    const reached: string[] = []
    for (let nth = 0; nth < 12; nth++) {
      await page.keyboard.press('Tab')
      reached.push(await page.evaluate<string>('document.activeElement.id || document.activeElement.className'))
    }
    for (const what of ['skip', 'pause', 'configuration']) t.ok(reached.includes(what), `${what} of ${reached.join()}`)
    await stop()
    t.strictSame(complaints, [])
  })
}
