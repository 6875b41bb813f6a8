import { parseArgs } from 'node:util'
import { Campaign } from './campaign.js'
import type { Kind } from './campaign.js'
import { kinds } from './kinds.js'

const HELP = `npm run fuzz -- [options]

  --seconds <n>       how long, all kinds together (60)
  --seed <n>          the same seed makes the same cases (the time of day)
  --only <kind>       ${kinds.map(({ name }) => name).join(', ')}
  --connections <n>   cases at a time (32)
  --case <n>          runs one case alone; needs --only and --seed
  --keep-going        does not stop at the first finding
  --help              this text
`

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    only: { type: 'string' },
    connections: { type: 'string', default: '32' },
    case: { type: 'string' },
    'keep-going': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false }
  }
})

if (values.help) console.log(HELP)
else await fuzz()

async function fuzz (): Promise<void> {
  const seed = whole('seed', values.seed)
  const chosen = values.only === undefined ? kinds : kinds.filter(({ name }) => name === values.only)
  if (chosen.length === 0) throw new Error(`--only: expected ${kinds.map(({ name }) => name).join(', ')}, found ${values.only}`)
  const campaign = await Campaign.start(seed)
  process.on('uncaughtException', error => fail(campaign, error))
  process.on('unhandledRejection', error => fail(campaign, error))
  for (const kind of chosen) await runKind(campaign, kind, chosen.length)
  const findings = await campaign.end()
  for (const { kind, number, complaints, bytes } of findings) {
    console.log(`\n${kind} --seed ${seed} --case ${number}\n${complaints.map(complaint => `! ${complaint}`).join('\n')}\n${bytes}`)
  }
  console.log(`\n${campaign.cases} cases, seed ${seed}: ${findings.length === 0 ? 'nothing found' : `${findings.length} findings`}`)
  if (findings.length > 0) process.exitCode = 1
}

async function runKind (campaign: Campaign, kind: Kind, kindsInAll: number): Promise<void> {
  const begin = performance.now()
  const end = begin + whole('seconds', values.seconds) * 1000 / kindsInAll
  const before = campaign.cases
  let number = 0
  const progress = setInterval(() => report(campaign, kind, before, begin), 5_000)
  if (values.case !== undefined) {
    const only = whole('case', values.case)
    await campaign.run(kind, () => number++ === 0 ? only : undefined, 1)
  } else {
    const connections = process.platform === 'linux' ? whole('connections', values.connections) : 1
    const goesOn = (): boolean => performance.now() < end && (values['keep-going'] || campaign.findings.length === 0)
    await campaign.run(kind, () => goesOn() ? number++ : undefined, connections)
  }
  clearInterval(progress)
  report(campaign, kind, before, begin)
}

function report ({ cases, findings }: Campaign, { name }: Kind, before: number, begin: number): void {
  const seconds = (performance.now() - begin) / 1000
  const done = cases - before
  const memory = Math.round(process.memoryUsage().rss / 1024 / 1024)
  console.log(`${name}: ${done} cases in ${seconds.toFixed(0)} s, ${(done / seconds).toFixed(0)} a second, ${findings.length} findings, ${memory} MiB`)
}

function fail (campaign: Campaign, error: unknown): void {
  console.error(`the process would have died with seed ${campaign.seed} after ${campaign.cases} cases:`, error)
  process.exit(1)
}

function whole (option: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Error(`--${option}: expected a whole number, found ${JSON.stringify(text)}`)
  return Number(text)
}
