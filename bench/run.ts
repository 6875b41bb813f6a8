import { writeFileSync } from 'node:fs'
import { Child, stopAllChildren } from './children.js'
import type { Reading, Ready } from './child.js'
import type { Contender } from './contenders/index.js'
import { judge } from './goals.js'
import { chooseLoad } from './loads/index.js'
import type { Load } from './loads/load.js'
import { busyShare, describeMachine, pinning } from './machine.js'
import type { Cpus } from './machine.js'
import { measure } from './measure.js'
import type { Result } from './measure.js'
import { readOptions, UsageError } from './options.js'
import type { Options, Plan } from './options.js'
import { MANY } from './scenarios/routes.js'
import type { Bench } from './scenarios/scenario.js'
import { isThere, taskOf } from './task.js'
import type { UpstreamOptions } from './upstream.js'

let load: Load | undefined
let stopping = false

process.once('SIGINT', () => stop(130))
process.once('SIGTERM', () => stop(143))
try {
  const options = readOptions(process.argv.slice(2))
  if (options !== undefined) await run(options)
} catch (error) {
  process.exitCode = error instanceof UsageError ? 2 : 1
  // What was under way when it was told to stop fails, which is no news.
  if (!stopping) console.error(error instanceof UsageError ? `${error.message}\nSee npm run bench -- --help` : error)
} finally {
  await cleanUp()
}

async function run (options: Options): Promise<void> {
  const { plan } = options
  const scenarios = options.scenarios.filter(scenario => isThere(scenario.id, scenario.missing?.(plan)))
  const { contenders, print, write } = taskOf(options, scenarios)
  const cpus = pinning()
  load = chooseLoad(cpus, options.load)
  const upstream = Child.start('upstream', new URL('./upstream.js', import.meta.url), {
    cpu: cpus.load, options: { ports: MANY } satisfies UpstreamOptions
  })
  const { port: upstreamPort, more: routePorts = [] } = await upstream.next<Ready>()

  const bench: Bench = {
    plan, load, cpus, upstreamPort, routePorts, served: async () => (await upstream.ask<Reading>('end')).served ?? NaN
  }
  const busyBefore = await busyShare()
  const results: Result[] = []
  for (const scenario of scenarios) results.push(await measure(bench, scenario, contenders))

  const busy = Math.max(busyBefore, await busyShare())

  const judged = judge(results, busy)
  const facts = describe(plan, load, cpus, contenders, busy)
  const printed = `${print(results, judged)}\n\n${facts.map(fact => `- ${fact}`).join('\n')}`
  console.log(`\n${printed}`)
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify({ facts, plan, goals: judged, results }, null, 2)}\n`)

  const failed = results.flatMap(({ rows }) => rows).filter(({ errors }) => errors.length > 0)
  if (failed.length > 0) {
    console.error(`\nRequests failed, so the numbers are worth nothing: ${[...new Set(failed.map(({ name }) => name))].join(', ')}`)
    process.exitCode = 1
  } else if (options.write) {
    write(results, judged, printed, facts)
  }
}

/** What has to be known to make something of the numbers. */
function describe (plan: Plan, load: Load, { gateway }: Cpus, contenders: readonly Contender[], busy: number): string[] {
  return [
    `${new Date().toISOString().slice(0, 10)}, ${describeMachine()}`,
    gateway === undefined
      ? 'not pinned: load, service and contender share all cores'
      : 'the contender alone on one core; load and service together on another',
    `other processes: ${Math.round(busy * 100)} % of all cores, in a second before the first round or after the last`,
    `load: ${load.name}; medians of ${plan.rounds} rounds of ${plan.seconds} s (memory: ${plan.memoryRounds}) after a warm-up of ${plan.warmUp} s`,
    ...contenders.map(({ name, versions }) => `${name}: ${versions()}`)
  ]
}

async function cleanUp (): Promise<void> {
  await load?.stop()
  await stopAllChildren()
}

async function stop (code: number): Promise<void> {
  stopping = true
  await cleanUp()
  process.exit(code)
}
