import { writeFileSync } from 'node:fs'
import { Child, stopAllChildren } from './children.js'
import type { Ready } from './child.js'
import type { Contender } from './contenders/index.js'
import { chooseLoad } from './loads/index.js'
import type { Load } from './loads/load.js'
import { describeMachine, pinning } from './machine.js'
import type { Cpus } from './machine.js'
import { measure } from './measure.js'
import type { Result } from './measure.js'
import { readOptions, UsageError } from './options.js'
import type { Options, Plan } from './options.js'
import { writeReadme } from './readme.js'
import { table } from './table.js'

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
  const { plan, scenarios } = options
  const cpus = pinning()
  const contenders = options.contenders.filter(isThere)
  load = chooseLoad(cpus, options.load)
  const upstream = Child.start('upstream', new URL('./upstream.js', import.meta.url), { cpu: cpus.load })
  const { port: upstreamPort } = await upstream.next<Ready>()

  const results: Result[] = []
  const tables: string[] = []
  for (const scenario of scenarios) {
    const result = await measure({ plan, load, cpus, upstreamPort }, scenario, contenders)
    results.push(result)
    tables.push(table(scenario, result))
  }

  const facts = describe(plan, load, cpus, contenders)
  const text = [...tables, facts.map(fact => `- ${fact}`).join('\n')].join('\n\n')
  console.log(`\n${text}`)
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify({ facts, plan, results }, null, 2)}\n`)

  const failed = results.flatMap(({ rows }) => rows).filter(({ errors }) => errors.length > 0)
  if (failed.length > 0) {
    console.error(`\nRequests failed, so the numbers are worth nothing: ${[...new Set(failed.map(({ name }) => name))].join(', ')}`)
    process.exitCode = 1
  } else if (options.write) {
    writeReadme(text)
  }
}

function isThere ({ name, missing }: Contender): boolean {
  const reason = missing?.()
  if (reason !== undefined) console.error(`${name} is left out: ${reason}`)
  return reason === undefined
}

/** What has to be known to make something of the numbers. */
function describe (plan: Plan, load: Load, { gateway }: Cpus, contenders: readonly Contender[]): string[] {
  return [
    `${new Date().toISOString().slice(0, 10)}, ${describeMachine()}`,
    gateway === undefined
      ? 'not pinned: load, service and contender share all cores'
      : 'the contender alone on one core; load and service together on another',
    `load: ${load.name}; medians of ${plan.rounds} rounds of ${plan.seconds} s (uploads: ${plan.uploadRounds}) after a warm-up of ${plan.warmUp} s`,
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
