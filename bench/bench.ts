import { ok, strictEqual } from 'node:assert'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Contender } from './contenders/index.js'
import { ORIGIN } from './contenders/duties.js'
import type { Place } from './contenders/duties.js'
import { ALL_CORES, GATEWAY_CORE, temporaryDirectory } from './machine.js'
import { accepting, freePort } from './ports.js'
import { Process } from './process.js'
import type { Shot } from './shots.js'

/** How much is measured. */
export interface Plan {
  rounds: number
  /** Under load in each round, of each contender. */
  seconds: number
  /** Less, and compiling is still under way in the first round. */
  warmUp: number
  transferMiB: number
  idleConnections: number
}

export type Variant = Partial<Pick<Place, 'routePorts' | 'accessLog' | 'workers'>> & { env?: Record<string, string> }

/** Milliseconds that a process is left alone between its start and its first request. */
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
      directory: temporaryDirectory(), port, upstreamPort: this.#upstreamPort, routePorts: [], accessLog: false, workers: undefined, ...variant
    }
    const described = command(place)
    const process = new Process({ ...described, env: { ...described.env, ...env } }, place.workers === undefined ? GATEWAY_CORE : ALL_CORES)
    try {
      await accepting(port, () => process.ended)
      await checkDuties(port)
    } catch (cause) {
      throw new Error(`${name} is not measured, it does not do what it should. ${process.complaint}`, { cause })
    }
    await setTimeout(SETTLE)
    return { port, pid: process.pid, stop: () => process.stop() }
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
