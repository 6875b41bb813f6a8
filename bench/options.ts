import { parseArgs } from 'node:util'
import type { ParseArgsConfig } from 'node:util'
import { contenders } from './contenders/index.js'
import type { Contender } from './contenders/index.js'
import { LOADS } from './loads/index.js'
import type { LoadName } from './loads/index.js'
import { scenarios } from './scenarios/index.js'
import type { Scenario } from './scenarios/scenario.js'

/** How much is measured. */
export interface Plan {
  rounds: number
  /** Of each round, whole ones. */
  seconds: number
  /** Seconds, whole ones too: less, and compiling is still under way in the first round. */
  warmUp: number
  uploadRounds: number
  uploadMiB: number
}

export interface Options {
  plan: Plan
  scenarios: readonly Scenario[]
  contenders: readonly Contender[]
  load: LoadName | undefined
  write: boolean
  json: string | undefined
}

/** The command line asks for what there is not. */
export class UsageError extends Error {}

const FULL: Plan = { rounds: 3, seconds: 3, warmUp: 4, uploadRounds: 1, uploadMiB: 64 }
const QUICK: Plan = { rounds: 2, seconds: 1, warmUp: 2, uploadRounds: 1, uploadMiB: 24 }

const HELP = `npm run bench -- [options]

  --quick               a rough idea in about 100 seconds instead of about 5 minutes
  --rounds <n>          rounds of each scenario, of which the median is shown
  --seconds <n>         seconds of each round
  --only <list>         scenarios, with commas between: ${scenarios.map(({ id }) => id).join(', ')}
  --contenders <list>   contenders: ${contenders.map(({ name }) => name).join(', ')}
  --load <name>         ${LOADS.join(' or ')}; without it wrk where it is installed
  --write               put the tables into bench/README.md
  --json <file>         write every round's numbers there
  --help                this text
`

const KNOWN = {
  quick: { type: 'boolean', default: false },
  rounds: { type: 'string' },
  seconds: { type: 'string' },
  only: { type: 'string' },
  contenders: { type: 'string' },
  load: { type: 'string' },
  write: { type: 'boolean', default: false },
  json: { type: 'string' },
  help: { type: 'boolean', default: false }
} as const satisfies ParseArgsConfig['options']

/** Undefined when there is only help to print. */
export function readOptions (args: string[]): Options | undefined {
  const values = parse(args)
  if (values.help) {
    console.log(HELP)
    return undefined
  }
  const plan = values.quick ? QUICK : FULL
  const rounds = count('--rounds', values.rounds)
  return {
    plan: {
      ...plan,
      rounds: rounds ?? plan.rounds,
      uploadRounds: rounds ?? plan.uploadRounds,
      seconds: count('--seconds', values.seconds) ?? plan.seconds
    },
    scenarios: chosen('--only', values.only, scenarios, ({ id }) => id),
    contenders: chosen('--contenders', values.contenders, contenders, ({ name }) => name),
    load: values.load === undefined ? undefined : chosen('--load', values.load, LOADS, name => name)[0],
    write: values.write,
    json: values.json
  }
}

function parse (args: string[]) {
  try {
    return parseArgs({ args, options: KNOWN, strict: true }).values
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

function count (option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new UsageError(`${option}: expected a whole number of 1 or more, found ${JSON.stringify(text)}`)
  return Number(text)
}

/** In the order of `all`; without a list, all. */
function chosen<T> (option: string, list: string | undefined, all: readonly T[], nameOf: (item: T) => string): readonly T[] {
  if (list === undefined) return all
  const names = list.split(',').map(name => name.trim())
  const known = all.map(nameOf)
  const unknown = names.filter(name => !known.includes(name))
  if (unknown.length > 0) throw new UsageError(`${option}: no ${unknown.map(name => JSON.stringify(name)).join(', ')}; there are ${known.join(', ')}`)
  return all.filter(item => names.includes(nameOf(item)))
}
