import { setTimeout } from 'node:timers/promises'
import { startContender } from './contenders/index.js'
import type { Contender, Running } from './contenders/index.js'
import type { Bench, Case, Metric, Sample, Scenario } from './scenarios/scenario.js'
import { NOISY, spreadOf, width } from './statistics.js'

/** One case of one scenario. */
export interface Row {
  name: string
  /** As the scenario ran, one for each round. */
  rounds: Array<Sample['values']>
  /** Medians over the rounds. */
  values: Sample['values']
  /** Metrics whose rounds are further apart than can be trusted, in percent of the median. */
  noisy: Partial<Record<Metric, number>>
  errors: string[]
}

export interface Result {
  id: string
  title: string
  rows: Row[]
}

/** Milliseconds that a process is left alone between its start and the reading of what it has when idle. */
const SETTLE = 300

type Ready = { running: Running, idle: number }

/** One round of every case, then the next, so that what else the machine does hits all of them alike. */
export async function measure (bench: Bench, scenario: Scenario, contenders: readonly Contender[]): Promise<Result> {
  const title = scenario.title(bench.plan)
  console.error(`\n${title}`)
  const ready = new Map<Case, Ready>()
  const samples = new Map<Case, Sample[]>()
  const cases = await scenario.cases(bench, contenders)
  const rounds = scenario.rounds(bench.plan)

  for (let round = 1; round <= rounds; round++) {
    for (const of of cases) {
      const { running, idle } = ready.get(of) ?? await prepare(bench, scenario, of)
      const sample = await scenario.measure(bench, running, of, idle)
      samples.set(of, [...samples.get(of) ?? [], sample])
      report(scenario, of, sample, `${round}/${rounds}`)
      if (scenario.fresh) await running.stop()
      else ready.set(of, { running, idle })
    }
  }
  for (const { running } of ready.values()) await running.stop()
  return { id: scenario.id, title, rows: cases.map(of => summary(of.name, samples.get(of) ?? [])) }
}

async function prepare (bench: Bench, scenario: Scenario, of: Case): Promise<Ready> {
  const running = await startContender(of.contender, bench.upstreamPort, bench.cpus, of.options)
  await setTimeout(SETTLE)
  const idle = await running.end()
  try {
    await scenario.prepare(bench, running, of)
  } catch (error) {
    throw new Error(`${of.name} is not measured, it does not do what it should`, { cause: error })
  }
  return { running, idle: idle?.rss ?? 0 }
}

function report (scenario: Scenario, { name }: Case, { values, errors }: Sample, round: string): void {
  const numbers = scenario.columns
    .filter(metric => values[metric] !== undefined)
    .map(metric => `${metric} ${values[metric]?.toPrecision(4)}`)
  console.error(`  ${round} ${name.padEnd(22)} ${numbers.join(', ')}`)
  for (const error of errors) console.error(`  ${round} ${name}: ERROR ${error}`)
}

function summary (name: string, samples: Sample[]): Row {
  const rounds = samples.map(({ values }) => values)
  const values: Row['values'] = {}
  const noisy: Row['noisy'] = {}
  for (const metric of Object.keys(rounds[0] ?? {}) as Metric[]) {
    const spread = spreadOf(numbersOf(rounds, metric))
    if (spread === undefined) continue
    values[metric] = spread.median
    if (width(spread) > NOISY) noisy[metric] = Math.round(width(spread) * 100)
  }
  return { name, rounds, values, noisy, errors: [...new Set(samples.flatMap(({ errors }) => errors))] }
}

/** In the order of the rounds. */
export function numbersOf (rounds: Row['rounds'], metric: Metric): number[] {
  return rounds.map(round => round[metric]).filter(number => number !== undefined)
}
