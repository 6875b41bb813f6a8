import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { onSignals, ROOT, startGateway } from './gateway-process.js'
import type { Child } from './gateway-process.js'
import { startAdmin } from './services/admin.js'
import { startAuth } from './services/auth.js'
import { startPayments } from './services/payments.js'
import { startProfile } from './services/profile.js'
import { portOf } from './services/service.js'
import type { Service } from './services/service.js'
import { describe, tryOuts } from './tryouts.js'

// `npm run demo`: four services, the gateway in front of them, and what to try. Ctrl-C ends all of it.

/** The gateway's, then those of auth, payments, admin and profile, then that of the status page. 0 is any free one. */
const PORTS = process.env.DEMO_PORTS ?? '3000,3001,3002,3003,3004,9900'
/** Milliseconds. */
const START_TIMEOUT = 20_000

const services: Service[] = []
let gateway: Child | undefined
let scratch: string | undefined
let ending = false

onSignals(() => { end(0) })
try {
  const { url, page } = await start(PORTS.split(',').map(Number))
  console.log(`\n${describe(tryOuts(url))}\n\n  Its status page is at ${page}\n  The gateway listens at ${url}. Ctrl-C ends it and its services.\n`)
} catch (error) {
  await fail(error instanceof Error ? error.message : String(error))
}

async function start ([port, ...others]: number[]): Promise<{ url: string, page: string }> {
  const starts = [startAuth, startPayments, startAdmin, startProfile]
  for (const [index, startService] of starts.entries()) {
    services.push(await startService(others[index]).catch(explain))
  }
  const free = await freePort(port).catch(explain)
  const admin = await freePort(others[starts.length], '127.0.0.1').catch(explain)
  gateway = startGateway({ FASTIFY_PORT: String(free), ROUTES_FILE: routesFile(admin) })
  gateway.ended.then(how => fail(`The gateway ended (${how}).`))
  const url = `http://localhost:${free}`
  await responded(url)
  return { url, page: `http://127.0.0.1:${admin}/` }
}

/** The shipped routes.json, with the ports that the services really have, and with a status page. */
function routesFile (admin: number): string {
  const config: { routes: { prefix: string, target: unknown }[] } = JSON.parse(readFileSync(join(ROOT, 'routes.json'), 'utf8'))
  for (const { name, url } of services) {
    for (const route of config.routes) if (route.prefix === `/api/${name}`) route.target = url
  }
  scratch = mkdtempSync(join(tmpdir(), 'gateway-demo-'))
  const file = join(scratch, 'routes.json')
  writeFileSync(file, JSON.stringify({ ...config, admin: { port: admin } }))
  return file
}

/** Fails before the gateway is started, which would say the same in many more words. */
async function freePort (port: number | undefined, host?: string): Promise<number> {
  const probe = createServer()
  probe.listen(port ?? 0, host)
  await once(probe, 'listening')
  const free = portOf(probe)
  probe.close()
  await once(probe, 'close')
  return free
}

function explain (error: NodeJS.ErrnoException & { port?: number }): never {
  if (error.code !== 'EADDRINUSE') throw error
  throw new Error(`Port ${error.port} is taken. The demo needs the ports ${PORTS.replaceAll(',', ', ')}: stop what listens there, and start it again.`)
}

/** Waits until a request comes through to a service of ours: something else may listen at the same port. */
async function responded (url: string): Promise<void> {
  const token = randomUUID()
  const deadline = Date.now() + START_TIMEOUT
  while (Date.now() < deadline) {
    const text = await fetch(`${url}/api/payments/inspect?${token}`, { signal: AbortSignal.timeout(1000) }).then(response => response.text(), () => '')
    if (text.includes(token)) return
    await wait(50)
  }
  throw new Error(`No request came through ${url} to the services within ${START_TIMEOUT / 1000} seconds.`)
}

async function fail (message: string): Promise<void> {
  if (ending) return
  console.error(message)
  await end(1)
}

async function end (status: number): Promise<void> {
  if (ending) return
  ending = true
  await Promise.all([...services.map(service => service.close()), gateway?.stop()])
  if (scratch !== undefined) rmSync(scratch, { recursive: true })
  process.exit(status)
}
