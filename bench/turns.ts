import { setTimeout } from 'node:timers/promises'
import { checkResponse } from './bench.js'
import type { Bench, Running, Variant } from './bench.js'
import type { Contender } from './contenders/index.js'
import { Load } from './load.js'
import type { Row, Values } from './results.js'
import type { Shot } from './shots.js'
import { cpuOf } from './usage.js'

/** A row: a contender, and what the scenario varies. */
export interface Case {
  name: string
  contender: Contender
  shot: Shot
  connections: number
  variant?: Variant
}

/** Milliseconds that a contender is under load before the next one is. */
const TURN = 100
/** Milliseconds after a turn, in which what is under way ends: the gateway's core should be free for the next. */
const PAUSE = 10
/** Seconds of warm-up that a contender without Node needs. */
const SHORT_WARM_UP = 1

/** A contender that is up, with a load of its own. */
class Lane {
  readonly row: Row
  #worked = 0
  #cpu = 0
  #requests = 0

  private constructor (readonly bench: Bench, readonly running: Running, readonly load: Load, { name, contender }: Case) {
    this.row = { name, node: contender.node, rounds: [], errors: [] }
  }

  static async start (bench: Bench, of: Case): Promise<Lane> {
    const running = await bench.startContender(of.contender, of.variant)
    await checkResponse(running.port, of.shot)
    return new Lane(bench, running, new Load(of.shot, running.port, of.connections), of)
  }

  async work (milliseconds: number): Promise<void> {
    this.#worked += await this.load.work(milliseconds)
  }

  /** What happened since it was called last. */
  async read (): Promise<Values> {
    const [cpu, requests] = [cpuOf(this.running.pid), await this.bench.served(this.running.port)]
    const [usedCpu, served, worked] = [cpu - this.#cpu, requests - this.#requests, this.#worked]
    this.#cpu = cpu
    this.#requests = requests
    this.#worked = 0
    if (served === 0) this.row.errors.push('no request reached the upstream')
    return { rps: served / worked * 1000, cpu: usedCpu / served }
  }
}

/** Starts all and warms them up. */
export async function startLanes (bench: Bench, cases: readonly Case[], turn = TURN): Promise<Lane[]> {
  const lanes: Lane[] = []
  for (const of of cases) {
    const lane = await Lane.start(bench, of)
    await lane.work(turn)
    lanes.push(lane)
  }
  // The others come last, so that all are warm from the same moment.
  await takeTurns(lanes.filter(({ row }) => row.node !== undefined), bench.plan.warmUp - SHORT_WARM_UP, turn)
  await takeTurns(lanes, SHORT_WARM_UP, turn)
  await setTimeout(turn)
  for (const lane of lanes) await lane.read()
  return lanes
}

/**
 * All are up together and take short turns under load, so that a slow second of the machine falls on all alike.
 * Whoever has no load does nothing, so that all CPU time of a round belongs to the requests of that round.
 */
export async function measureRound (bench: Bench, lanes: readonly Lane[], turn = TURN): Promise<void> {
  await takeTurns(lanes, bench.plan.seconds, turn)
  // When all are asleep: only then what they have used is exact.
  await setTimeout(turn)
  for (const lane of lanes) lane.row.rounds.push(await lane.read())
}

export async function endLoads (lanes: readonly Lane[]): Promise<void> {
  for (const { load, row } of lanes) row.errors.push(...await load.end())
}

export async function stopLanes (lanes: readonly Lane[]): Promise<Row[]> {
  await Promise.all(lanes.map(({ running }) => running.stop()))
  return lanes.map(({ row }) => row)
}

/** All cases, from start to end. */
export async function measureInTurns (bench: Bench, cases: readonly Case[], turn = TURN): Promise<Row[]> {
  const rows: Row[] = []
  for (let start = 0; start < bench.plan.starts; start++) {
    const lanes = await startLanes(bench, cases, turn)
    for (let round = 0; round < bench.plan.rounds; round++) await measureRound(bench, lanes, turn)
    await endLoads(lanes)
    for (const [index, row] of (await stopLanes(lanes)).entries()) {
      rows[index] = { ...row, rounds: [...rows[index]?.rounds ?? [], ...row.rounds], errors: [...rows[index]?.errors ?? [], ...row.errors] }
    }
  }
  return rows
}

async function takeTurns (lanes: readonly Lane[], seconds: number, turn: number): Promise<void> {
  for (let taken = 0; taken < seconds * 1000 / turn; taken++) {
    // In a new order each time, so that none always follows the same one.
    for (const lane of lanes.toSorted(() => Math.random() - 0.5)) {
      await lane.work(turn)
      await setTimeout(PAUSE)
    }
  }
}
