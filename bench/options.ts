import { parseArgs } from 'node:util'
import type { ParseArgsConfig } from 'node:util'
import { contenders, FASTIFY_HTTP_PROXY, LOGGING, NGINX, OURS } from './contenders/index.js'
import type { Contender } from './contenders/index.js'
import { LOADS } from './loads/index.js'
import type { LoadName } from './loads/index.js'
import { scenarios } from './scenarios/index.js'
import type { Scenario } from './scenarios/scenario.js'
import { largeGet, post, smallGet } from './scenarios/throughput.js'

/** How much is measured. */
export interface Plan {
  rounds: number
  /** Of each round, whole ones. */
  seconds: number
  /** Seconds, whole ones too: less, and compiling is still under way in the first round. */
  warmUp: number
  /** Of what measures memory, each with a process of its own. */
  memoryRounds: number
  transferMiB: number
  /** After which the 1 GiB transfers are broken off. */
  longSeconds: number
  idleConnections: number
}

export interface Options {
  plan: Plan
  scenarios: readonly Scenario[]
  contenders: readonly Contender[]
  load: LoadName | undefined
  /** A git ref whose build is compared with the present one; nothing else then is. */
  against: string | undefined
  /** Major versions of Node that are compared; nothing else then is. */
  nodes: readonly string[] | undefined
  write: boolean
  json: string | undefined
}

/** The command line asks for what there is not. */
export class UsageError extends Error {}

const FULL: Plan = { rounds: 3, seconds: 3, warmUp: 4, memoryRounds: 1, transferMiB: 64, longSeconds: 20, idleConnections: 10_000 }
const QUICK: Plan = { rounds: 2, seconds: 1, warmUp: 2, memoryRounds: 1, transferMiB: 12, longSeconds: 8, idleConnections: 2_000 }
/** Those that a goal is about. */
const QUICK_CONTENDERS = contenders.filter(({ name }) => [OURS, LOGGING, FASTIFY_HTTP_PROXY, NGINX].includes(name))
/** Two builds differ by little. */
const ROUNDS_AGAINST = 5
/** What --nodes runs. */
const UNDER_NODES = [smallGet, largeGet, post]

const HELP = `npm run bench -- [options]

  --quick               a rough idea in about 3 minutes instead of about 12, of the contenders that a goal is about
  --rounds <n>          rounds of each scenario, of which the median is shown
  --seconds <n>         seconds of each round
  --only <list>         scenarios, with commas between: ${scenarios.map(({ id }) => id).join(', ')}
  --contenders <list>   contenders: ${contenders.map(({ name }) => name).join(', ')}
  --load <name>         ${LOADS.join(' or ')}; without it wrk where it is installed
  --against <git ref>   ours as it is and as it was there, in turns, and nothing else
  --nodes <list>        ours and @fastify/http-proxy under other major versions of Node, such as 20,22,24, and nothing else
  --write               put the tables into bench/README.md, a short one into README.md, and draw docs/bench.svg
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
  against: { type: 'string' },
  nodes: { type: 'string' },
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
  exclude(values)
  const plan = values.quick ? QUICK : FULL
  const rounds = count('--rounds', values.rounds) ?? (values.against === undefined ? undefined : ROUNDS_AGAINST)
  return {
    plan: {
      ...plan,
      rounds: rounds ?? plan.rounds,
      memoryRounds: rounds ?? plan.memoryRounds,
      seconds: count('--seconds', values.seconds) ?? plan.seconds
    },
    scenarios: chosen('--only', values.only, values.nodes === undefined ? scenarios : UNDER_NODES, ({ id }) => id),
    contenders: values.quick && values.contenders === undefined
      ? QUICK_CONTENDERS
      : chosen('--contenders', values.contenders, contenders, ({ name }) => name),
    load: values.load === undefined ? undefined : chosen('--load', values.load, LOADS, name => name)[0],
    against: values.against,
    nodes: values.nodes?.split(',').map(text => `${count('--nodes', text.trim())}`),
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

/** What is written replaces what was there, so a part must not stand for the whole. */
function exclude (values: ReturnType<typeof parse>): void {
  const clashes: Array<[keyof typeof KNOWN, keyof typeof KNOWN]> = [
    ['write', 'only'], ['write', 'contenders'], ['write', 'quick'], ['write', 'against'], ['against', 'nodes'], ['against', 'contenders'], ['nodes', 'contenders']
  ]
  for (const [one, other] of clashes) {
    if (values[one] && values[other]) throw new UsageError(`--${one} and --${other} do not go together`)
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
