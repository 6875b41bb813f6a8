import type { BrowserContextOptions, Page } from 'playwright-core'
import t from 'tap'
import type { Test } from 'tap'
import streamGateway from '../../src/index.js'
import { ADMIN, adminPort } from '../fixtures/admin.js'
import { start } from '../fixtures/gateway.js'
import { CUT_OFF, giveToken, NO_CHROMIUM, openPage, violations } from '../fixtures/page.js'
import type { Watched } from '../fixtures/page.js'
import { until } from '../fixtures/until.js'

t.setTimeout(240_000)

const LINE = `curl 'https://api.example.com/orders/7?token=hush' \\
  -H 'Accept: application/json' -H 'X-Api-Key: hush' -F a=b \\
  -H 'Origin: https://a-rather-long-name-of-a-page.example.com'`

const ROUTES = [
  { prefix: '/orders', target: 'http://10.0.0.1:3002', headers: { request: { set: { 'x-token': 'hush', 'x-html': '<img src=x onerror=alert(1)>' } } } },
  { prefix: '/only', target: 'http://10.0.0.1:3002', methods: ['GET'] },
  { prefix: '/page', respond: { body: '<!doctype html><b>bold</b>' } }
]

async function opened (t: Test, options: BrowserContextOptions = {}): Promise<Watched & { close: () => Promise<void> }> {
  const { app, lines } = await start(t, app => app.register(streamGateway, { admin: ADMIN, routes: ROUTES }))
  const watched = await openPage(t, adminPort(lines), options)
  await giveToken(watched.page)
  return { ...watched, close: async () => await app.close() }
}

async function ask (page: Page, text: string): Promise<void> {
  await page.getByLabel('A line for curl, or a method and a URL').fill(text)
  await page.getByRole('button', { name: 'Explain' }).click()
}

t.test('it says where a request would go', { skip: NO_CHROMIUM }, async t => {
  const { page, complaints, elsewhere, close } = await opened(t)
  await ask(page, LINE)
  const verdict = page.locator('#verdict')
  await verdict.getByText('It is forwarded').waitFor()
  const text = String(await page.locator('#explained').textContent())
  for (const part of ['POST /orders/7?token=[redacted] of api.example.com', 'The form is sent without its parts.', 'routes[0] /orders', 'no policy', 'http://10.0.0.1:3002', 'X-Api-Key: ***', 'x-token: ***', 'x-html: <img src=x']) t.ok(text.includes(part), part)
  t.notMatch(text, 'hush')
  t.equal(await page.locator('#explained img').count(), 0)

  await ask(page, 'PUT /only')
  await verdict.getByText('The gateway responds itself: 405').waitFor()
  t.match(await page.locator('#details').textContent(), /Why notthe routes for \/only take GET, HEAD alone\.[^]*METHOD_NOT_ALLOWED/)
  await ask(page, '  /page ')
  await verdict.getByText('The gateway responds itself: 200').waitFor()
  t.match(await page.locator('#details').textContent(), '<!doctype html><b>bold</b>')
  await ask(page, 'GET http://localhost/elsewhere')
  await verdict.getByText('It is not for the gateway').waitFor()
  t.strictSame(complaints, [])
  t.strictSame(elsewhere, [])

  await ask(page, '$ curl --nonsense')
  await verdict.getByText('found the option "--nonsense" of curl, which is not known here').waitFor()
  t.equal(await page.locator('#details').textContent(), '')
  await ask(page, 'GET two words')
  await verdict.getByText('must be a path').waitFor()
  await close()
  await ask(page, '/orders')
  await verdict.getByText('The gateway did not respond').waitFor()
})

t.test('what was asked stays while the page goes on, and the keyboard is enough', { skip: NO_CHROMIUM }, async t => {
  const { page, complaints } = await opened(t)
  const input = page.getByLabel('A line for curl, or a method and a URL')
  await input.focus()
  await page.keyboard.type('GET /orders/1')
  await page.keyboard.press('Enter')
  await page.keyboard.press('Control+Enter')
  await page.getByText('It is forwarded').waitFor()
  const uptime = page.locator('#facts dd').first()
  const before = String(await uptime.textContent())
  await until(async () => await uptime.textContent() !== before)
  t.equal((await input.inputValue()).trim(), 'GET /orders/1')
  t.equal(await page.evaluate('document.activeElement.id'), 'request')
  const reached: string[] = []
  for (let nth = 0; nth < 3; nth++) {
    await page.keyboard.press('Tab')
    reached.push(await page.evaluate<string>('document.activeElement.ariaLabel ?? document.activeElement.textContent'))
  }
  t.strictSame(reached, ['Explain', 'The service gets', 'Its response gets'])
  t.equal(await page.locator('#verdict').getAttribute('role'), 'status')
  t.strictSame(complaints, [])
})

for (const [name, options] of Object.entries<BrowserContextOptions>({
  light: { colorScheme: 'light', viewport: { width: 1280, height: 1000 } },
  dark: { colorScheme: 'dark', viewport: { width: 1280, height: 1000 } },
  narrow: { colorScheme: 'light', viewport: { width: 320, height: 760 } },
  'narrow and dark': { colorScheme: 'dark', viewport: { width: 320, height: 760 } }
})) {
  t.test(`axe finds nothing wrong, and nothing has to be scrolled sideways: ${name}`, { skip: NO_CHROMIUM }, async t => {
    const { page, complaints } = await opened(t, options)
    for (const [text, verdict] of [[LINE, 'It is forwarded'], [`GET /${'x'.repeat(300)}`, 'It is not for the gateway'], ['PUT /only', 'The gateway responds itself: 405']] as const) {
      await ask(page, text)
      await page.getByText(verdict).waitFor()
      t.strictSame(await violations(page), [])
      t.ok(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'))
      t.strictSame(await page.evaluate(CUT_OFF), [], 'nothing is cut off')
    }
    await ask(page, 'curl')
    await page.getByText('found no URL').waitFor()
    t.strictSame(await violations(page), [])
    t.ok(complaints.every(text => text.includes('400')))
  })
}
