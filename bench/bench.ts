import { ok, strictEqual } from 'node:assert'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Contender } from './contenders/index.js'
import { ORIGIN } from './contenders/duties.js'
import type { Place } from './contenders/duties.js'
import { ALL_CORES, GATEWAY_CORE, temporaryDirectory } from './machine.js'
import { freePort } from './ports.js'
import { Process } from './process.js'
import type { Shot } from './shots.js'

/** How much is measured. */
export interface Plan {
  /** How often the contenders are started anew: V8 compiles the same code a little differently each time. */
  starts: number
  /** With each start. */
  rounds: number
  /** Under load in each round, of each contender. */
  seconds: number
  /** Less, and compiling is still under way in the first round. */
  warmUp: number
  transferMiB: number
  idleConnections: number
}

export type Variant = Partial<Pick<Place, 'routePorts' | 'targetPorts' | 'accessLog' | 'workers'>> & { env?: Record<string, string> }

/** Milliseconds that a process may take to start. */
const STARTED = 15_000
/** Milliseconds that it is left alone then; also between two tries. */
const SETTLE = 300

/** A started contender. */
export interface Running {
  port: number
  pid: number
  stop: () => Promise<void>
}

/** What every scenario works with. */
export class Bench {
  /** More ports of the same upstream, one for each of many routes. */
  readonly routePorts: readonly number[]
  readonly #upstreamPort: number

  private constructor (readonly plan: Plan, [upstreamPort = 0, ...routePorts]: number[]) {
    this.#upstreamPort = upstreamPort
    this.routePorts = routePorts
  }

  /** Starts the upstream. */
  static async start (plan: Plan, routes: number): Promise<Bench> {
    const file = fileURLToPath(new URL('./upstream.js', import.meta.url))
    const upstream = new Process({ command: [process.execPath, file, `${routes}`], piped: true })
    return new Bench(plan, (await upstream.firstLine()).split(' ').map(Number))
  }

  async startContender ({ name, command }: Contender, { env, ...variant }: Variant = {}): Promise<Running> {
    const port = await freePort()
    const place: Place = {
      directory: temporaryDirectory(), port, upstreamPort: this.#upstreamPort, routePorts: [], targetPorts: [], accessLog: false, workers: undefined, ...variant
    }
    const described = command(place)
    const started = new Process({ ...described, env: { ...described.env, ...env } }, place.workers === undefined ? GATEWAY_CORE : ALL_CORES)
    const deadline = performance.now() + STARTED
    for (let ready = false; !ready; await setTimeout(SETTLE)) {
      try {
        await checkDuties(port)
        ready = true
      } catch (cause) {
        if (started.ended || performance.now() > deadline) throw new Error(`${name} does not do what it should. ${started.complaint}`, { cause })
      }
    }
    return { port, pid: started.pid, stop: () => started.stop() }
  }

  /** How many requests have reached the upstream through the contender at this port. */
  async served (port: number): Promise<number> {
    const response = await fetch(`http://127.0.0.1:${this.#upstreamPort}/count?127.0.0.1:${port}`)
    return Number(await response.text())
  }
}

/** CORS and forwarded fields, so that the same work is compared. Most rate limits tell nobody that they count. */
async function checkDuties (port: number): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/api/seen`, { headers: { Origin: ORIGIN } })
  strictEqual(response.status, 200, `/api/seen: status ${response.status}`)
  strictEqual(response.headers.get('access-control-allow-origin'), ORIGIN, 'no CORS')
  strictEqual(await response.text(), `127.0.0.1 http 127.0.0.1:${port}`, 'the forwarded fields are not as they should be')
}

/** A contender that responds wrongly is not worth measuring. */
export async function checkResponse (port: number, { method, path, headers, body, expected }: Shot): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { method, headers, body: body ?? null })
  strictEqual(response.status, 200, `${path}: status ${response.status}`)
  ok(await response.text() === expected, `${path}: the body is not the upstream's`)
}
