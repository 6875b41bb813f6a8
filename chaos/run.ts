import { setTimeout as pass } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Chaos } from './chaos.js'
import { FAULTS, MEANINGS } from './faults.js'
import { CLIENTS } from './plan.js'

/** Seconds that the last requests may take, beyond every client's patience. */
const ROOM = 20

const HELP = `npm run chaos -- [options]

  --seconds <n>       how long the load lasts (30)
  --seed <n>          the same seed makes the same requests, and the same moods of the services (the time of day)
  --faults <list>     faults of the services, with commas between: ${FAULTS.join(', ')}, or none
  --clients <list>    ${CLIENTS.join(', ')}
  --connections <n>   clients at a time (32)
  --help              this text

The faults:
${FAULTS.map(fault => `  ${fault.padEnd(10)} ${MEANINGS[fault]}`).join('\n')}
`

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '30' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    faults: { type: 'string', default: FAULTS.join() },
    clients: { type: 'string', default: CLIENTS.join() },
    connections: { type: 'string', default: '32' },
    help: { type: 'boolean', default: false }
  }
})

if (values.help) console.log(HELP)
else await run()

async function run (): Promise<void> {
  const seconds = whole('seconds', values.seconds)
  const seed = whole('seed', values.seed)
  const faults = values.faults === 'none' ? [] : some('faults', FAULTS, values.faults)
  const chaos = await Chaos.start({ seed, faults, clients: some('clients', CLIENTS, values.clients), connections: whole('connections', values.connections) })
  // However this process ends, the gateways end with it.
  process.on('exit', () => chaos.kill())
  process.on('SIGINT', () => process.exit(130))
  process.on('SIGTERM', () => process.exit(143))
  await chaos.warmUp()
  const progress = setInterval(() => console.log(`${chaos.count} requests`), 10_000)
  // A client that waits for ever keeps nobody from the report.
  await Promise.race([chaos.run(seconds), pass((seconds + ROOM) * 1000)])
  clearInterval(progress)
  const report = await chaos.end()
  console.log(`\n${report.toString()}\n\n${chaos.count} requests, seed ${seed}`)
  // What clients still hold open ends with this process.
  process.exit(report.isClean ? 0 : 1)
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
