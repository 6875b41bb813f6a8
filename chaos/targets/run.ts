import { parseArgs } from 'node:util'
import { missing, NAMES } from './contenders.js'
import type { Name } from './contenders.js'
import { TARGET_FAULT_MEANINGS, TARGET_FAULTS } from './faults.js'
import type { Figures } from './measure.js'
import { reload } from './reloads.js'
import { misses, reloadTable, restartTable, table } from './report.js'
import { restartService } from './restarts.js'
import { play } from './scenario.js'

const RESTARTS = ['service', 'reload', 'rolling'] as const
const RELOADS = [
  { kind: 'reload', what: 'reloads of the gateway, with another file each time', workers: 1, changes: true },
  { kind: 'rolling', what: 'rolling restarts of its two workers', workers: 2, changes: false }
] as const

const HELP = `npm run chaos:targets -- [options]

Three targets behind one upstream. One of them has a fault for 7 s, under load, and recovers.

  --seed <n>            the same seed makes the same requests (1)
  --faults <list>       with commas between: ${TARGET_FAULTS.join(', ')}
  --beside <list>       nginx, haproxy: the same through them, where they are installed
  --restarts <list>     instead of faults: ${RESTARTS.join(', ')}: one of three services is restarted, the gateway
                        gets another file, the gateway's two workers are replaced
  --times <n>           how often each of these (10)
  --help                this text

The faults:
${TARGET_FAULTS.map(fault => `  ${fault.padEnd(10)} ${TARGET_FAULT_MEANINGS[fault]}`).join('\n')}
`

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    faults: { type: 'string', default: TARGET_FAULTS.join() },
    beside: { type: 'string', default: '' },
    restarts: { type: 'string', default: '' },
    times: { type: 'string', default: '10' },
    help: { type: 'boolean', default: false }
  }
})

if (values.help) console.log(HELP)
else await run()

async function run (): Promise<void> {
  process.on('SIGINT', () => process.exit(130))
  process.on('SIGTERM', () => process.exit(143))
  const seed = whole('seed', values.seed)
  const isFine = values.restarts !== '' ? await runRestarts(seed) : await runFaults(seed)
  // What clients still hold open ends with this process.
  process.exit(isFine ? 0 : 1)
}

async function runRestarts (seed: number): Promise<boolean> {
  const times = whole('times', values.times)
  const kinds = some('restarts', RESTARTS, values.restarts)
  let isFine = true
  if (kinds.includes('service')) {
    const restarted = await restartService(seed, times)
    console.log(`${times} restarts of one of three services\n\n${restartTable(restarted)}`)
    isFine = restarted.lost.length === 0 && restarted.doubled === 0
  }
  for (const { what, workers, changes } of RELOADS.filter(({ kind }) => kinds.includes(kind))) {
    const reloaded = await reload(seed, times, workers, changes)
    console.log(`\n${times} ${what}\n\n${reloadTable(reloaded)}`)
    isFine &&= reloaded.drained && [...reloaded.tallies.values()].every(({ lost }) => lost.length === 0)
  }
  return isFine
}

async function runFaults (seed: number): Promise<boolean> {
  const beside = values.beside === '' ? [] : some('beside', ['nginx', 'haproxy'], values.beside)
  const names = NAMES.filter(name => name.startsWith('gateway') || beside.some(other => name.startsWith(other)))
  for (const name of names) if (missing(name)) console.log(`${name} is not installed`)
  const rows: Array<[Name, Figures]> = []
  for (const fault of some('faults', TARGET_FAULTS, values.faults)) {
    for (const name of names.filter(name => !missing(name))) {
      rows.push([name, await play(name, fault, seed)])
      console.log(`${fault}, ${name}: measured`)
    }
  }
  const missed = rows.filter(([name]) => name.startsWith('gateway')).flatMap(([name, figures]) => misses(figures).map(miss => `missed: ${name}: ${miss}`))
  console.log(`\n${table(rows)}\n\nseed ${seed}\n${missed.length === 0 ? 'all goals are met' : missed.join('\n')}`)
  return missed.length === 0
}

function whole (option: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Error(`--${option}: expected a whole number, found ${JSON.stringify(text)}`)
  return Number(text)
}

function some<T extends string> (option: string, known: readonly T[], text: string): T[] {
  return text.split(',').map(name => {
    const found = known.find(other => other === name)
    if (found === undefined) throw new Error(`--${option}: expected ${known.join(', ')}, found ${JSON.stringify(name)}`)
    return found
  })
}
