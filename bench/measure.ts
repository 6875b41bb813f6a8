import { setTimeout } from 'node:timers/promises'
import { startContender } from './contenders/index.js'
import type { Contender, Running } from './contenders/index.js'
import type { Bench, Metric, Sample, Scenario } from './scenarios/scenario.js'

/** One contender in one scenario. */
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

/** (highest - lowest) / median from which on a number is called noisy. */
const NOISY = 0.15
/** Milliseconds that a process is left alone between its start and the reading of what it has when idle. */
const SETTLE = 300

type Ready = { running: Running, idle: number }

/** One round of every contender, then the next, so that what else the machine does hits all of them alike. */
export async function measure (bench: Bench, scenario: Scenario, contenders: readonly Contender[]): Promise<Result> {
  const ready = new Map<Contender, Ready>()
  const samples = new Map<Contender, Sample[]>()
  const admitted = contenders.filter(contender => scenario.admits(contender))
  const rounds = scenario.rounds(bench.plan)

  console.error(`\n${scenario.title(bench.plan)}`)
  for (let round = 1; round <= rounds; round++) {
    for (const contender of admitted) {
      const { running, idle } = ready.get(contender) ?? await prepare(bench, scenario, contender)
      const sample = await scenario.measure(bench, running, idle)
      samples.set(contender, [...samples.get(contender) ?? [], sample])
      report(scenario, contender, sample, `${round}/${rounds}`)
      if (scenario.fresh) await running.stop()
      else ready.set(contender, { running, idle })
    }
  }
  for (const { running } of ready.values()) await running.stop()
  return {
    id: scenario.id,
    title: scenario.title(bench.plan),
    rows: admitted.map(contender => summary(contender.name, samples.get(contender) ?? []))
  }
}

async function prepare (bench: Bench, scenario: Scenario, contender: Contender): Promise<Ready> {
  const running = await startContender(contender, bench.upstreamPort, bench.cpus)
  await setTimeout(SETTLE)
  const idle = await running.end()
  try {
    await scenario.prepare(bench, running)
  } catch (error) {
    throw new Error(`${contender.name} is not measured, it does not do what it should`, { cause: error })
  }
  return { running, idle: idle?.rss ?? 0 }
}

function report (scenario: Scenario, contender: Contender, { values, errors }: Sample, round: string): void {
  const numbers = scenario.columns
    .filter(metric => values[metric] !== undefined)
    .map(metric => `${metric} ${values[metric]?.toPrecision(4)}`)
  console.error(`  ${round} ${contender.name.padEnd(22)} ${numbers.join(', ')}`)
  for (const error of errors) console.error(`  ${round} ${contender.name}: ERROR ${error}`)
}

function summary (name: string, samples: Sample[]): Row {
  const rounds = samples.map(({ values }) => values)
  const values: Row['values'] = {}
  const noisy: Row['noisy'] = {}
  for (const metric of Object.keys(rounds[0] ?? {}) as Metric[]) {
    const numbers = rounds.map(round => round[metric]).filter(number => number !== undefined).sort((a, b) => a - b)
    const middle = median(numbers)
    values[metric] = middle
    const spread = ((numbers.at(-1) ?? 0) - (numbers[0] ?? 0)) / middle
    if (spread > NOISY) noisy[metric] = Math.round(spread * 100)
  }
  return { name, rounds, values, noisy, errors: [...new Set(samples.flatMap(({ errors }) => errors))] }
}

/** @param sorted ascending */
function median (sorted: number[]): number {
  const half = sorted.length / 2
  const [low, high] = [sorted[Math.ceil(half) - 1] ?? NaN, sorted[Math.floor(half)] ?? NaN]
  return (low + high) / 2
}
