import { createReadStream, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { chromium } from 'playwright-core'
import t from 'tap'
import { build } from 'vite'
import { missing } from '../fixtures/command.js'
import { closedPort, service } from '../fixtures/peers.js'
import { Started } from '../fixtures/started.js'

const FOLDER = 'examples/frontend'
const TYPES: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript' }

t.setTimeout(120_000)

t.test('a front end on another origin logs in through the gateway, with preflights that no service sees', { skip: missing('chromium', 'chromium', 'of the front end') }, async t => {
  const asked: string[] = []
  const { port: auth } = await service(t, ({ method, url, headers }, response) => {
    asked.push(`${method} ${url} ${headers['x-app']}`)
    response.writeHead(200, { 'content-type': 'application/json', 'set-cookie': 'session=1; Path=/; HttpOnly' }).end('{}')
  })
  const { port: profile } = await service(t, ({ method, url, headers }, response) => {
    asked.push(`${method} ${url} ${headers.cookie}`)
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"email":"a@example.com"}')
  })

  const gatewayPort = await closedPort()
  const built = t.testdir()
  await build({ root: FOLDER, configFile: join(FOLDER, 'vite.config.js'), logLevel: 'error', build: { outDir: built, emptyOutDir: true }, define: { 'import.meta.env.VITE_API': JSON.stringify(`http://127.0.0.1:${gatewayPort}/api`) } })
  const { port: pagePort } = await service(t, ({ url = '/' }, response) => {
    const file = url === '/' ? 'index.html' : url
    response.setHeader('content-type', TYPES[extname(file)] ?? 'application/octet-stream')
    createReadStream(join(built, file)).on('error', () => response.writeHead(404).end()).pipe(response)
  })

  const origin = `http://127.0.0.1:${pagePort}`
  const text = readFileSync(join(FOLDER, 'routes.json'), 'utf8').replace('http://localhost:5173', origin).replace('localhost:3001', `127.0.0.1:${auth}`).replace('localhost:3004', `127.0.0.1:${profile}`)
  await t.test('in the browser', async t => {
    const gateway = new Started(t, JSON.parse(text), [], { PORT: String(gatewayPort) })
    await gateway.listening()
    const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] })
    t.teardown(async () => await browser.close())
    const page = await browser.newPage()
    const complaints: string[] = []
    page.on('pageerror', error => { complaints.push(error.message) })
    await page.goto(origin)
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.getByText('Logged in as a@example.com.').waitFor()
    t.strictSame(complaints, [])
    t.strictSame(asked, ['POST /login front end', 'GET /me session=1'])
    await gateway.times(/"url":"\/api\//, 4)
    const seen = gateway.lines.flatMap(line => 'method' in line && 'url' in line ? [`${String(line.method)} ${String(line.url)}`] : [])
    t.strictSame(seen, ['OPTIONS /api/auth/login', 'POST /api/auth/login', 'OPTIONS /api/profile/me', 'GET /api/profile/me'])
  })
})
