import { oursAt } from './against.js'
import { Bench } from './bench.js'
import { contender, FASTIFY_HTTP_PROXY, OURS, ours, under } from './contenders/index.js'
import type { Contender } from './contenders/index.js'
import { verdicts } from './goals.js'
import { describeMachine, prepareMachine, programVersion } from './machine.js'
import { nodeBinary } from './node-binary.js'
import type { NodeBinary } from './node-binary.js'
import { readOptions, UsageError } from './options.js'
import type { Options } from './options.js'
import { stopAll } from './process.js'
import * as report from './report.js'
import type { Result } from './results.js'
import { MANY_ROUTES } from './scenarios/growth.js'

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
  await stopAll()
}

async function run ({ plan, against, ...options }: Options): Promise<void> {
  const node = nodeBinary(options.node)
  const contenders = against === undefined ? contendersFor(options, node) : [ours(node), oursAt(against, node)]
  prepareMachine()
  const bench = await Bench.start(plan, MANY_ROUTES)
  const results: Result[] = []
  for (const { id, title, remark, columns, compared, measure } of options.scenarios) {
    console.error(`measuring ${id}`)
    results.push({ id, title: title(plan), remark, columns, compared, rows: await measure(bench, contenders) })
  }
  const when = `${new Date().toISOString().slice(0, 10)}, ${describeMachine()}, Node ${node.version}`
  const facts = [
    when,
    'the contender on one core; load and upstream together on another',
    `load: ${programVersion('wrk', '-v')}; ${plan.rounds} rounds of ${plan.seconds} s after a warm-up of ${plan.warmUp} s`,
    ...contenders.map(({ name, node, versions }) => `${name}: ${versions()}${node === undefined ? '' : `, Node ${node}`}`)
  ]
  const tables = against === undefined ? report.tables(results, verdicts(results, options.node)) : report.comparison(results, contenders[1]?.name ?? '')
  const printed = `${tables}\n\n${facts.map(fact => `- ${fact}`).join('\n')}`
  console.log(printed)

  if (results.some(({ rows }) => rows.some(({ errors }) => errors.length > 0))) {
    console.error('\nRequests failed, so the numbers are worth nothing.')
    process.exitCode = 1
  } else if (options.block !== undefined) {
    report.replace('bench/README.md', options.block, printed)
    if (options.block === 'bench') report.replace('README.md', 'bench', `${report.headline(results)}\n\n${when}`)
  }
}

function contendersFor (options: Pick<Options, 'contenders' | 'beside'>, node: NodeBinary): Contender[] {
  const beside = options.contenders.filter(name => name === OURS || name === FASTIFY_HTTP_PROXY)
  return [
    ...options.contenders.map(name => contender(name, node)),
    ...options.beside.flatMap(major => beside.map(name => ({ ...contender(name, nodeBinary(major)), name: under(name, major), beside: true })))
  ].filter(({ name, missing }) => {
    const reason = missing?.()
    if (reason !== undefined) console.error(`${name} is left out: ${reason}`)
    return reason === undefined
  })
}

async function stop (code: number): Promise<void> {
  stopping = true
  await stopAll()
  process.exit(code)
}
