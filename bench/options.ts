import { parseArgs } from 'node:util'
import type { Plan } from './bench.js'
import { CADDY, CONTENDERS, FASTIFY_HTTP_PROXY, NGINX, OURS } from './contenders/index.js'
import type { ContenderName } from './contenders/index.js'
import { BESIDE } from './goals.js'
import { scenarios } from './scenarios/index.js'
import type { Scenario } from './scenarios/scenario.js'

export interface Options {
  plan: Plan
  scenarios: readonly Scenario[]
  contenders: readonly ContenderName[]
  /** Major version that ours and the other Node contenders run under. */
  node: string
  /** Others under which ours and @fastify/http-proxy run as well. */
  beside: readonly string[]
  /** A git ref whose build is compared with the present one; nothing else then is. */
  against: string | undefined
  /** Where --write puts the tables; undefined: nowhere. */
  block: 'bench' | 'nodes' | undefined
}

/** The command line asks for what there is not. */
export class UsageError extends Error {}

const FULL: Plan = { starts: 1, rounds: 5, seconds: 1, warmUp: 8, transferMiB: 32, idleConnections: 10_000 }
const QUICK: Plan = { ...FULL, rounds: 3, seconds: 0.5, warmUp: 3, transferMiB: 8 }
/** Those that a goal is about. */
const QUICK_CONTENDERS: readonly ContenderName[] = [OURS, FASTIFY_HTTP_PROXY, NGINX, CADDY]
/** The current long-term release. */
const HEADLINE = '26'
/** What --nodes runs. */
const UNDER_NODES = ['small-get', 'large-get', 'post']

/** What is written replaces what was there, so a part must not stand for the whole. */
const CLASHES = [
  ['write', 'only'], ['write', 'contenders'], ['write', 'quick'], ['write', 'against'], ['against', 'nodes'], ['against', 'contenders'],
  ['nodes', 'contenders'], ['nodes', 'node']
] as const

const HELP = `npm run bench -- [options]

  --quick               a rough idea in about 3 minutes instead of about 13: fewer contenders, scenarios and seconds
  --rounds <n>          rounds of each scenario, of which the median is shown; with --against for each of four starts
  --seconds <n>         seconds under load in each round, of each contender
  --warm-up <n>         seconds under load before the first round
  --only <list>         scenarios, with commas between: ${scenarios.map(({ id }) => id).join(', ')}
  --contenders <list>   contenders: ${CONTENDERS.join(', ')}
  --node <n>            major version of Node for all that need one; without it ${HEADLINE}, with ${BESIDE} beside it
  --against <git ref>   ours as it is and as it was there, and nothing else
  --nodes <list>        ours and @fastify/http-proxy under several versions, such as 20,22,24,26, and nothing else
  --write               put the tables into bench/README.md and a short one into README.md
  --help                this text

Node is fetched with npm where another version than the running one is wanted.
`

/** Undefined when there is only help to print. */
export function readOptions (args: string[]): Options | undefined {
  const values = parse(args)
  const { quick, only, nodes, against, write, help } = values
  if (help) {
    console.log(HELP)
    return undefined
  }
  for (const [one, other] of CLASHES) {
    if (values[one] && values[other]) throw new UsageError(`--${one} and --${other} do not go together`)
  }
  const plan = quick ? QUICK : FULL
  const [node = HEADLINE, ...more] = (nodes ?? values.node ?? HEADLINE).split(',').map(text => `${count('--node', text)}`)
  const usual = scenarios.filter(scenario => nodes === undefined ? scenario.quick || !quick : UNDER_NODES.includes(scenario.id))
  const ids = chosen('--only', only, scenarios.map(({ id }) => id)) ?? usual.map(({ id }) => id)
  return {
    plan: {
      ...plan,
      // Two builds differ by less than two starts do.
      starts: against === undefined ? 1 : 4,
      rounds: count('--rounds', values.rounds) ?? plan.rounds,
      seconds: count('--seconds', values.seconds) ?? plan.seconds,
      warmUp: count('--warm-up', values['warm-up']) ?? plan.warmUp
    },
    scenarios: scenarios.filter(({ id }) => ids.includes(id)),
    contenders: nodes !== undefined ? [OURS, FASTIFY_HTTP_PROXY] : chosen('--contenders', values.contenders, CONTENDERS) ?? (quick ? QUICK_CONTENDERS : CONTENDERS),
    node,
    beside: (nodes ?? values.node ?? against) === undefined && !quick ? [BESIDE] : more,
    against,
    block: write ? nodes === undefined ? 'bench' : 'nodes' : undefined
  }
}

function parse (args: string[]) {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean', default: false } as const
  try {
    return parseArgs({
      args,
      options: {
        quick: flag, rounds: text, seconds: text, 'warm-up': text, only: text, contenders: text, node: text, against: text, nodes: text, write: flag, help: flag
      }
    }).values
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

function count (option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new UsageError(`${option}: expected a whole number of 1 or more, found ${JSON.stringify(text)}`)
  return Number(text)
}

/** In the order of `all`. */
function chosen<T extends string> (option: string, list: string | undefined, all: readonly T[]): T[] | undefined {
  const names = list?.split(',')
  const unknown = names?.find(name => !all.some(known => known === name))
  if (unknown !== undefined) throw new UsageError(`${option}: no ${JSON.stringify(unknown)}; there are ${all.join(', ')}`)
  return names && all.filter(name => names.includes(name))
}
