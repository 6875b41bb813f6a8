import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { picture } from './picture.js'
import { inserted, soakTable } from './report.js'
import { grows, seriesOf } from './samples.js'
import type { Sample } from './samples.js'
import { soak } from './soak.js'

/** Milliseconds from one sample to the next. */
const INTERVAL = 10_000
/** The part of the time that is left out at the begin: code is compiled, pools and shapes come to their size. */
const BEGIN = 0.2

const HELP = `npm run soak -- [options]

A steady mixed load through three targets with health checks, one of which is restarted now and then; what the gateway
holds is looked at every ${INTERVAL / 1000} s, after a garbage collection.

  --minutes <n>   how long (10)
  --seed <n>      the same seed makes the same requests (1)
  --write         puts the result into docs/soak.md and docs/soak.svg
  --help          this text
`

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: '1' },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false }
  }
})

if (values.help) console.log(HELP)
else await run(Number(values.minutes), Number(values.seed))

async function run (minutes: number, seed: number): Promise<void> {
  if (!(minutes > 0 && minutes <= 240) || !Number.isInteger(seed)) throw new Error('--minutes: expected up to 240; --seed: a whole number')
  process.on('SIGINT', () => process.exit(130))
  process.on('SIGTERM', () => process.exit(143))
  const samples: Sample[] = []
  const counted = await soak(seed, minutes, Math.min(INTERVAL, minutes * 60_000 / 20), sample => {
    samples.push(sample)
    if (samples.length % 6 === 0) console.log(`${sample.minute.toFixed(1)} minutes: heap ${(sample.heap / 1024 / 1024).toFixed(1)} MiB, ${sample.files} files, ${sample.sockets} sockets, ${sample.timers} timers`)
  })
  const series = seriesOf(samples.filter(({ minute }) => minute >= minutes * BEGIN))
  const table = soakTable(series, counted)
  console.log(table)
  if (values.write) write(minutes, seed, samples, table)
  process.exit(series.some(grows) || counted.lost.length > 0 ? 1 : 0)
}

function write (minutes: number, seed: number, samples: readonly Sample[], table: string): void {
  const inDocs = (name: string): string => fileURLToPath(new URL(`../../../docs/${name}`, import.meta.url))
  const page = inDocs('soak.md')
  const how = `\`npm run soak -- --minutes ${minutes} --seed ${seed} --write\`, ${new Date().toISOString().slice(0, 10)}, Node ${process.version}`
  writeFileSync(page, inserted(readFileSync(page, 'utf8'), `${table}\n\n${how}`))
  writeFileSync(inDocs('soak.svg'), picture(samples.map(({ minute }) => minute), seriesOf(samples)))
}
